"""Tar split: a layer's tar, put together again from its files and from what was between them.

Docker keeps a layer as a directory, and beside it all of its tar that no file holds: headers and
padding, as JSON lines, with an entry wherever the content of a file belongs. Read in order they are
the tar that came, byte by byte.

Source: github.com/vbatts/tar-split, tar/storage/entry.go and tar/asm/assemble.go.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from s3lo import beneath
from s3lo.errors import IntegrityError, from_os
from s3lo.transports.decompression import decompress
from s3lo.transports.streams import PIECE_BYTES, Readable, joined, pieces
from s3lo.transports.tar_reader import safe_name

_FILE, _SEGMENT = 1, 2


class _Entry(Struct, frozen=True):
    """A line."""

    type: int
    name: str = ""
    name_raw: bytes | None = None
    """Instead of ``name``, where that is not UTF-8."""
    size: int = 0
    payload: bytes | None = None
    """Of a segment its bytes; of a file a checksum, which the layer's digest makes needless."""

    @property
    def path(self) -> str:
        name = os.fsdecode(self.name_raw) if self.name_raw else self.name
        return safe_name(name.lstrip("/"))


_DECODER = msgspec.json.Decoder(_Entry)


def tar(split: Readable, files: Path) -> Iterator[bytes]:
    """The tar that a split (gzip) and a directory of ``files`` make, in pieces of megabytes.

    No link is followed on the way to a file. Raises IntegrityError or LocalError where they do not
    fit together; that every byte is right only the tar's digest can tell.
    """
    with _Files(files) as opened:
        yield from joined(_pieces(split, opened))


def _pieces(split: Readable, files: _Files) -> Iterator[bytes]:
    for line in _lines(split):
        try:
            entry = _DECODER.decode(line)
        except msgspec.DecodeError as error:
            raise IntegrityError(f"what is between a layer's files is damaged: {error}") from error
        if entry.type == _SEGMENT:
            yield entry.payload or b""
        elif entry.type == _FILE and entry.size:
            yield from files.content(entry.path, entry.size)


def _lines(split: Readable) -> Iterator[bytes]:
    begun = b""
    for piece in pieces(decompress(split, "gzip"), 1 << 20):
        *whole, begun = (begun + piece).split(b"\n")
        yield from whole
    if begun:
        yield begun


class _Files:
    """Files below a directory; the folder that the last one was in stays open for its neighbours."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = ""
        self._fd = -1

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def content(self, path: str, size: int) -> Iterator[bytes]:
        """Exactly so many bytes of a file."""
        try:
            fd = self._open(path)
        except OSError as error:
            raise from_os(error, f"opening {path} of a layer") from error
        try:
            while size:
                piece = os.read(fd, min(size, PIECE_BYTES))
                if not piece:
                    raise IntegrityError(f"{path} of a layer lacks {size} bytes")
                size -= len(piece)
                yield piece
        except OSError as error:
            raise from_os(error, f"reading {path} of a layer") from error
        finally:
            os.close(fd)

    def _open(self, path: str) -> int:
        folder, name = posixpath.split(path)
        if folder != self._folder or self._fd < 0:
            self._close()
            with beneath.opened(self._root, tuple(filter(None, folder.split("/")))) as fd:
                self._fd = os.dup(fd)
            self._folder = folder
        # Not to wait for a writer, should a FIFO be there instead of the file.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(name, flags, dir_fd=self._fd)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
