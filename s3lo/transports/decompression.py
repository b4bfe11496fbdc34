"""Decompression: the bytes inside a gzip or zstd stream, whatever number of members it has."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Protocol, cast

from s3lo.errors import IntegrityError, from_os
from s3lo.transports import zstd_frames
from s3lo.transports._zstd import zstd
from s3lo.transports.ends import HEAD_BYTES
from s3lo.transports.image import Compression
from s3lo.transports.streams import Readable

_GZIP_MAGIC = b"\x1f\x8b\x08"
_GZIP_MODULUS = 1 << 32
_LIKELY_RATIO = 8
"""Layers are seldom compressed further."""


class _GzipOpener(Protocol):
    def __call__(self, *, fileobj: io.RawIOBase) -> Readable: ...


@cache
def _gzip_codec() -> tuple[_GzipOpener, tuple[type[Exception], ...]]:
    """The fastest gzip decoder there is, and what it raises besides zlib's own errors.

    Asked for when there is gzip to read: a pull into a layout has none.
    """
    try:
        from isal import igzip, igzip_lib
    except ImportError:
        return cast(_GzipOpener, gzip.GzipFile), ()
    # The stubs call the exception an instance of one.
    return cast(_GzipOpener, igzip.IGzipFile), (cast(type[Exception], igzip_lib.error),)


def detect(head: bytes) -> Compression:
    """What content is compressed with, by its first bytes."""
    if head.startswith(_GZIP_MAGIC):
        return "gzip"
    return "zstd" if zstd_frames.is_zstd(head) else "none"


class _File(io.RawIOBase):
    """A source in the shape that decoders want."""

    def __init__(self, source: Readable) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        piece = self._source.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


class _Decoded:
    """A decoder whose errors are ours."""

    def __init__(
        self,
        decoder: Readable,
        compression: Compression,
        corrupt: tuple[type[Exception], ...],
    ) -> None:
        self._decoder = decoder
        self._compression = compression
        self._corrupt = corrupt

    def read(self, size: int, /) -> bytes:
        try:
            return self._decoder.read(size)
        except self._corrupt as error:
            raise IntegrityError(f"{self._compression} content is damaged: {error}") from error


def decompress(source: Readable, compression: Compression) -> Readable:
    """Read what is inside; raises IntegrityError where the content is cut short or corrupt.

    A cut between two members looks like an end: only a digest or a size finds that one.
    """
    if compression == "none":
        return source
    file = _File(source)
    if compression == "gzip":
        open_gzip, errors = _gzip_codec()
        corrupt: tuple[type[Exception], ...] = (EOFError, gzip.BadGzipFile, zlib.error)
        return _Decoded(open_gzip(fileobj=file), compression, corrupt + errors)
    decoder = cast(Readable, zstd.ZstdFile(cast(io.BytesIO, file)))
    return _Decoded(decoder, compression, (EOFError, zstd.ZstdError))


def compression_of(path: Path) -> Compression:
    """What a file is compressed with, by its content: media types have been wrong."""
    with _looked_at(path) as (_, _, compression):
        return compression


def told_size(path: Path) -> int | None:
    """The size in bytes of what is in a file, as its beginning and its end tell it: right for nearly
    every layer, and proven by nothing. None where they do not tell it.

    A gzip ends with the size of its last member modulo 4 GiB (RFC 1952, section 2.3.1), which says
    nothing where that is less than is in the file, or where there might well be 4 GiB. A seekable
    zstd file ends with a table of its frames.
    """
    with _looked_at(path) as (fd, size, compression):
        if compression == "gzip":
            told = int.from_bytes(os.pread(fd, 4, size - 4), "little") if size > 4 else 0
            is_likely = told > 0.9 * size and size * _LIKELY_RATIO < _GZIP_MODULUS
            return told if is_likely else None
        if compression == "zstd":
            frames = zstd_frames.seekable_frames(fd, size)
            return sum(frame.content_size for frame in frames) if frames else None
        return size


def uncompressed_size(path: Path) -> int | None:
    """The size in bytes of what is in a file, where it can be told without decompressing it.

    None for gzip, which keeps it modulo 2³² and per member, and for zstd frames that do not
    declare it: the caller counts by decompressing once.
    """
    with _looked_at(path) as (fd, size, compression):
        if compression == "zstd":
            return zstd_frames.content_size(fd, size)
        return size if compression == "none" else None


@contextmanager
def _looked_at(path: Path) -> Iterator[tuple[int, int, Compression]]:
    """A file's descriptor, its size in bytes and what it is compressed with."""
    try:
        with open(path, "rb", buffering=0) as file:
            compression = detect(file.read(HEAD_BYTES) or b"")
            yield file.fileno(), os.fstat(file.fileno()).st_size, compression
    except OSError as error:
        raise from_os(error, "reading") from error
