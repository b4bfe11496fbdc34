"""Whole files: what s3transfer reads an upload from and writes a download to."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

from s3lo.engine.transfers import DAMAGED, Download, Upload
from s3lo.errors import DigestMismatch, SizeMismatch


class _Lazy(io.RawIOBase):
    """A file that is open only while it is in use: a transfer may have thousands of them."""

    def __init__(self, path: Path, mode: str) -> None:
        self._path = path
        self._mode = mode
        self._opened: io.FileIO | None = None

    @property
    def _file(self) -> io.FileIO:
        if self._opened is None:
            self._opened = io.FileIO(self._path, self._mode)
        return self._opened

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
        super().close()


class Sink(_Lazy):
    """A file that s3transfer fills in order, since it cannot seek, hashed on the way."""

    def __init__(self, blob: Download, verify: bool) -> None:
        super().__init__(blob.path, "wb")
        self.blob = blob
        self._verify = verify
        self._hash = hashlib.sha256()
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._written + len(data) > self.blob.size:
            raise SizeMismatch(
                f"{self.blob.key} is more than the {self.blob.size} bytes expected", hint=DAMAGED
            )
        self._written += self._file.write(data)
        if self._verify:
            self._hash.update(data)
        if self._written == self.blob.size:
            self._file.close()
        return len(data)

    def check(self) -> None:
        """Raise unless what came is what was asked for."""
        blob = self.blob
        if self._written == 0:
            self._file.close()  # an empty blob is never written to, and is a file all the same
        self.close()
        if self._written != blob.size:
            raise SizeMismatch(
                f"{blob.key} is {self._written} bytes where {blob.size} are expected",
                hint=DAMAGED,
            )
        if self._verify and self._hash.hexdigest() != blob.digest.hex:
            blob.path.unlink(missing_ok=True)
            raise DigestMismatch(
                f"{blob.key} has the content sha256:{self._hash.hexdigest()}",
                hint=DAMAGED,
            )


class Source(_Lazy):
    """A range of a file as a seekable file of its own."""

    def __init__(self, blob: Upload) -> None:
        super().__init__(blob.path, "rb")
        self._start = blob.offset
        self._size = blob.size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = memoryview(buffer)[: max(0, self._size - self._position)]
        count = os.preadv(self._file.fileno(), [left], self._start + self._position)
        self._position += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position
