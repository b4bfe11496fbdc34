"""Rendering: a result as text for people or as one document for programs, on stdout."""

from __future__ import annotations

import select
import sys
from typing import Any

from s3lo.errors import from_os


def show(document: Any, text: str, output: str) -> None:
    """Write a result: ``text``, or the document as JSON or YAML. Raises LocalError, DiskFull."""
    if output == "text":
        write(text)
    else:
        write_document(document, output)


def write_document(document: Any, output: str) -> None:
    """Write exactly one JSON or YAML document."""
    import json

    text = json.dumps(document, indent=2)
    if output == "yaml":
        import yaml

        # By way of JSON, because YAML has no word for a tuple.
        text = yaml.safe_dump(json.loads(text), sort_keys=False, allow_unicode=True).rstrip()
    write(text)


def write(text: str) -> None:
    """Write a paragraph to stdout, all the way to whoever reads it."""
    try:
        sys.stdout.write(f"{_encodable(text)}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise from_os(error, "writing the result") from error


def _encodable(text: str) -> str:
    """The text with escapes for what stdout cannot write: a path need not be valid UTF-8."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def is_stdout_gone() -> bool:
    """Whether stdout is a pipe that nobody reads any more."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except (OSError, ValueError):
        return False


def size(bytes_: float) -> str:
    """A size in decimal units, as disks and networks are sold: ``1.5 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(bytes_) < 999.5:
            return f"{bytes_:.0f} {unit}" if unit == "B" else f"{bytes_:.1f} {unit}"
        bytes_ /= 1000
    return f"{bytes_:.1f} TB"


def binary_size(bytes_: float) -> str:
    """A size in binary units, as memory and parts of objects are measured: ``8 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(bytes_) < 1024:
            return f"{bytes_:.4g} {unit}"
        bytes_ /= 1024
    return f"{bytes_:.4g} TiB"


def workers(processes: int) -> str:
    """How many processes moved the bytes."""
    return count(processes, "worker process") if processes else "no worker process"


def count(number: int, noun: str) -> str:
    """``1 blob``, ``2 blobs``."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
