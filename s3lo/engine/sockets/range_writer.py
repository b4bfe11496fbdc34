"""Range writer: puts bytes of a range where they belong in a file, through the page cache or past it.

Past it (open(2), O_DIRECT) memory, offset and length have to be multiples of the device's block:
what is not, the end of a blob or what follows a broken connection, goes through the cache. So does
everything where the file system does not know direct I/O.
"""

from __future__ import annotations

import errno
import fcntl
import os
from types import TracebackType

from s3lo import files
from s3lo.engine.plan import WRITE_BYTES
from s3lo.engine.sockets.pipe import NoWay, Pipe

_BLOCK_BYTES = 4096


class RangeWriter:
    """For one thread. Its file is made where there is none, and emptied where it ``truncates``."""

    def __init__(self, path: str, *, truncates: bool, is_direct: bool) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (os.O_TRUNC if truncates else 0)
        self._is_direct = is_direct
        if is_direct:
            try:
                self._fd = os.open(path, flags | os.O_DIRECT, 0o666)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                self._is_direct = False
        if not self._is_direct:
            self._fd = os.open(path, flags, 0o666)

    def __enter__(self) -> RangeWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._fd)

    def write(self, memory: memoryview, offset: int) -> None:
        """All of it; ``memory`` begins on a page. Raises OSError."""
        whole = len(memory) // _BLOCK_BYTES * _BLOCK_BYTES
        if self._is_direct and offset % _BLOCK_BYTES == 0 and whole:
            whole = self._write_direct(memory[:whole], offset)
            memory, offset = memory[whole:], offset + whole
        if memory and self._is_direct:
            self._give_up_direct()
        while memory:
            count = _to_boundary(offset, len(memory))
            _write_all(self._fd, memory[:count], offset)
            memory, offset = memory[count:], offset + count

    def is_memory(self) -> bool:
        """Whether what is written never leaves memory; reads the table of mounts."""
        return files.is_memory(self._fd)

    def write_from(self, pipe: Pipe, count: int, offset: int, memory: memoryview) -> int:
        """``count`` of the bytes that are in a pipe, or, by way of ``memory``, all of them where the file
        takes none from pipes; how many it was. Raises OSError."""
        moved = 0
        try:
            while moved < count:
                wanted = _to_boundary(offset + moved, count - moved)
                moved += pipe.move_to(self._fd, wanted, offset + moved)
        except NoWay:
            while pipe.held_bytes:
                got = pipe.read_into(memory)
                self.write(memory[:got], offset + moved)
                moved += got
            pipe.give_up()
        return moved

    def _write_direct(self, memory: memoryview, offset: int) -> int:
        """How much of it was written."""
        try:
            written = os.pwrite(self._fd, memory, offset)
        except OSError as error:
            if error.errno != errno.EINVAL:  # blocks larger than ours
                raise
            return 0
        return written // _BLOCK_BYTES * _BLOCK_BYTES

    def _give_up_direct(self) -> None:
        """For the rest of this range."""
        flags = fcntl.fcntl(self._fd, fcntl.F_GETFL)
        fcntl.fcntl(self._fd, fcntl.F_SETFL, flags & ~os.O_DIRECT)
        self._is_direct = False


def _write_all(fd: int, memory: memoryview, offset: int) -> None:
    written = 0
    while written < len(memory):
        written += os.pwrite(fd, memory[written:], offset + written)


def _to_boundary(offset: int, most_bytes: int) -> int:
    return min(most_bytes, WRITE_BYTES - offset % WRITE_BYTES)
