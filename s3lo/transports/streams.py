"""Streams: bytes that come once, in order and in large pieces, from wherever they lie."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from s3lo.errors import IntegrityError, from_os
from s3lo.events import BytesMoved, Observer

PIECE_BYTES = 4 << 20
"""How much is read, hashed, compressed or sent at a time: calls cost nothing at this size."""

_LARGE_BYTES = 1 << 20
"""From here on a step of its own; what is smaller waits for company."""

Moved = Callable[[int], None]
"""Told of so many more bytes."""


class Readable(Protocol):
    """Anything to read from. A read gives at least one byte, or none at the end."""

    def read(self, size: int, /) -> bytes: ...


def unheard(_count: int) -> None:
    """The ``Moved`` of those who do not want to know."""


def saving(observer: Observer) -> Moved:
    """Tell an observer of bytes that were read from a source."""
    return lambda count: observer(BytesMoved("save", count))


def read_up_to(source: Readable, size: int) -> bytes:
    """Read until there are ``size`` bytes or the source ends."""
    piece = source.read(size)
    if len(piece) == size or not piece:
        return piece
    pieces = [piece]
    missing = size - len(piece)
    while missing and (piece := source.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def pieces(source: Readable, size: int = PIECE_BYTES) -> Iterator[bytes]:
    """Everything a source has, in pieces of exactly ``size`` bytes but the last."""
    while piece := read_up_to(source, size):
        yield piece


def joined(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, small parts together: a step costs whoever takes them as much as a megabyte."""
    small: list[bytes] = []
    waiting = 0
    for part in parts:
        if len(part) < _LARGE_BYTES and waiting < _LARGE_BYTES:
            small.append(part)
            waiting += len(part)
            continue
        yield from filter(None, (b"".join(small), part))
        small, waiting = [], 0
    yield b"".join(small)


class Chained:
    """Parts that are made one after the other, as one source."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._part = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        while not self._part and (part := next(self._parts, None)) is not None:
            self._part = memoryview(part)
        piece, self._part = self._part[:size], self._part[size:]
        return bytes(piece)


class Limited:
    """The next ``size`` bytes of a source, which must be there: IntegrityError otherwise."""

    def __init__(self, source: Readable, size: int, what: str) -> None:
        self._source = source
        self._left = size
        self._what = what

    def read(self, size: int, /) -> bytes:
        wanted = min(size, self._left)
        if not wanted:
            return b""
        piece = self._source.read(wanted)
        if not piece:
            raise IntegrityError(f"{self._what} is cut short: {self._left} bytes are missing")
        self._left -= len(piece)
        return piece


class Prefixed:
    """A source of which the first bytes were already taken, to see what they are."""

    def __init__(self, head: bytes, source: Readable) -> None:
        self._head = head
        self._source = source

    def read(self, size: int, /) -> bytes:
        if not self._head:
            return self._source.read(size)
        piece, self._head = self._head[:size], self._head[size:]
        return piece


class Counted:
    """A source that tells of every byte read from it."""

    def __init__(self, source: Readable, moved: Moved) -> None:
        self._source = source
        self._moved = moved

    def read(self, size: int, /) -> bytes:
        piece = self._source.read(size)
        self._moved(len(piece))
        return piece


class _LocalFile:
    """An open file whose errors are ours."""

    def __init__(self, fd: int, path: Path) -> None:
        self._fd = fd
        self._path = path

    def read(self, size: int, /) -> bytes:
        try:
            return os.read(self._fd, size)
        except OSError as error:
            raise from_os(error, f"reading {self._path}") from error


@contextmanager
def open_range(path: Path, offset: int, size: int) -> Iterator[Readable]:
    """Read a range of a file; raises IntegrityError when the file ends before it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise from_os(error, "opening") from error
    try:
        os.lseek(fd, offset, os.SEEK_SET)
        yield Limited(_LocalFile(fd, path), size, str(path))
    finally:
        os.close(fd)
