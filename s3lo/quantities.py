"""Quantities: sizes and counts as people read them."""

from __future__ import annotations


def size(bytes_: float) -> str:
    """A size in decimal units, as disks and networks are sold: ``1.5 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(bytes_) < 999.5:
            return f"{bytes_:.0f} {unit}" if unit == "B" else f"{bytes_:.1f} {unit}"
        bytes_ /= 1000
    return f"{bytes_:.1f} TB"


def count(number: int, noun: str) -> str:
    """``1 blob``, ``2 blobs``."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def span(seconds: float) -> str:
    """A stretch of time in its largest unit: ``3 days``."""
    for noun, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return count(int(seconds // length), noun)
    return count(int(seconds), "second")
