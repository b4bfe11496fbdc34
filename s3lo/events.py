"""Events: what an operation tells its observer while it runs. Frozen data, cheap to make.

An observer is called from the operation's own threads, never two at a time for one operation, and
should return quickly; what it raises ends the operation.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


class PhaseStarted(Struct, frozen=True):
    """A phase begins: resolve, save, transfer, publish or load. ``total_bytes`` 0: not known."""

    phase: str
    total_bytes: int = 0


class BytesMoved(Struct, frozen=True):
    """So many more bytes of a phase are done (negative: some have to be moved again)."""

    phase: str
    bytes_: int


class PartDone(Struct, frozen=True):
    """So many bytes of a blob, from an offset on, are in its file; nothing is proven of them yet."""

    digest: str
    offset: int
    length: int


class BlobDone(Struct, frozen=True):
    """A blob is complete and, where verification is on, has proven to be what its name says."""

    digest: str
    size_bytes: int


class BlobAgain(Struct, frozen=True):
    """A blob was not what its name says, and is fetched once more: nothing of it is in its file."""

    digest: str


class PhaseEnded(Struct, frozen=True):
    phase: str
    seconds: float


class Note(Struct, frozen=True):
    """Something worth a line to a person; ``level`` is how many -v it takes to be shown."""

    text: str
    level: int = 0


Event = PhaseStarted | BytesMoved | PartDone | BlobDone | BlobAgain | PhaseEnded | Note
Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The observer of those who do not want to know."""
