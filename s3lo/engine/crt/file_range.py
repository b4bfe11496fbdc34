"""File range: a stretch of a file as the stream that awscrt reads a request's body from."""

from __future__ import annotations

import os
from collections.abc import Callable

_CHUNK_BYTES = 1 << 20


class FileRange:
    """A range of a file as the stream that awscrt reads a body from.

    ``readinto`` fills the client's own buffer from the page cache, outside the GIL and with no
    copy into Python.
    """

    def __init__(self, path: str, offset: int, length: int) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._start = self._position = offset
        self._end = offset + length

    def read_through(self, look: Callable[[memoryview], None]) -> None:
        """Show all of it, piece by piece, and begin again."""
        buffer = memoryview(bytearray(min(_CHUNK_BYTES, max(1, self._end - self._start))))
        while count := self.readinto(buffer):
            look(buffer[:count])
        self.seek(0)

    def readinto(self, buffer: memoryview) -> int:
        wanted = min(len(buffer), self._end - self._position)
        count = os.preadv(self._fd, [buffer[:wanted]], self._position)
        self._position += count
        return count

    def read(self, size: int = -1) -> bytes:
        left = self._end - self._position
        data = os.pread(self._fd, left if size < 0 else min(size, left), self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: self._start, os.SEEK_CUR: self._position, os.SEEK_END: self._end}
        self._position = base[whence] + offset
        return self.tell()

    def tell(self) -> int:
        return self._position - self._start

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
