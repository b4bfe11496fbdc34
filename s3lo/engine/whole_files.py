"""Whole files: what s3transfer reads an upload from and writes a download to."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from s3lo.engine.arrival import Arrival
from s3lo.engine.transfers import DAMAGED, Download, Upload, damaged_source
from s3lo.errors import DigestMismatch, Interrupted, SizeMismatch

_LOOK_SECONDS = 0.2


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


class Incoming(io.RawIOBase):
    """A file that is filled while it is read, once and in order; hashed on the way, so that its end is
    withheld where it is not what it is to be stored as, and its transfer fails.
    """

    def __init__(self, blob: Upload, arrival: Arrival, is_over: Callable[[], bool]) -> None:
        self._blob = blob
        self._arrival = arrival
        self._is_over = is_over
        self._position = 0
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._position == self._blob.size:
            return 0
        while not self._arrival.wait_beyond(self._position, _LOOK_SECONDS):
            if self._is_over():
                raise Interrupted("the transfer ended")
        start = self._position
        left = memoryview(buffer)[: self._arrival.end - start]
        with self._blob.path.open("rb", buffering=0) as file:
            count = os.preadv(file.fileno(), [left], self._blob.offset + start)
        self._hash.update(left[:count])
        self._position += count
        if self._position == self._blob.size:
            self._require_digest()
        self._give_back(start)
        return count

    def _require_digest(self) -> None:
        found = self._hash.hexdigest()
        if found != self._blob.digest.hex:
            raise damaged_source(self._blob.source or self._blob.path, found, self._blob.digest)

    def _give_back(self, start: int) -> None:
        """s3transfer keeps what it has read until it is sent: whole steps are read no more."""
        step = self._arrival.step_bytes
        first = start // step * step
        is_end = self._position == self._blob.size
        end = self._blob.size if is_end else self._position // step * step
        if end > first:
            self._blob.stored(first, end - first)
