"""Rendering: a result as text for people or as one document for programs, on stdout."""

from __future__ import annotations

import math
import select
import sys
import time
from collections.abc import Sequence
from typing import Any

from s3lo.errors import from_os
from s3lo.quantities import count as count
from s3lo.quantities import size as size
from s3lo.quantities import span

_TOGETHER_SECONDS = 0.01


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


class Lines:
    """Lines that are written as they come: the first at once, those within 10 ms after it together,
    for a line costs ten times as much to write as to make."""

    def __init__(self) -> None:
        self._held: list[str] = []
        self._written_at = -math.inf

    def add(self, line: str) -> None:
        """Raises LocalError, DiskFull."""
        self._held.append(line)
        if time.monotonic() - self._written_at > _TOGETHER_SECONDS:
            self.flush()

    def flush(self) -> None:
        held, self._held = self._held, []
        if held:
            write("\n".join(held))
        self._written_at = time.monotonic()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()


def write_bytes(content: bytes) -> None:
    """Write to stdout exactly this. Raises LocalError, DiskFull."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise from_os(error, "writing the result") from error


def is_terminal() -> bool:
    """Whether a person sees stdout as it is written."""
    return sys.stdout.isatty()


def columns(cells: Sequence[str], widths: Sequence[int] | None) -> str:
    """A row: in columns as wide as these, without widths (for programs) with tabs between cells."""
    if widths is None:
        return "\t".join(cells)
    padded = [f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)]
    return "  ".join(padded).rstrip()


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows, on a terminal with a header and columns as wide as they need to be."""
    if not is_terminal():
        return "\n".join(columns(row, None) for row in rows)
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(columns(row, widths) for row in (header, *rows))


def age(moment: str) -> str:
    """How long ago a moment (ISO 8601) was: ``3 days``."""
    import datetime

    then = datetime.datetime.fromisoformat(moment.replace("Z", "+00:00"))
    seconds = max(0.0, (datetime.datetime.now(datetime.timezone.utc) - then).total_seconds())
    return span(seconds)


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
