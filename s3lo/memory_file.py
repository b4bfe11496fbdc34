"""Memory file: a file that lies in memory and on no disk, for any process of this user to open.

Source: memfd_create(2); proc(5), ``/proc/PID/fd``.
"""

from __future__ import annotations

import os
from pathlib import Path

from s3lo.errors import from_os
from s3lo.holes import punch_hole


class MemoryFile:
    """Of a given size. It takes memory where it was written to, until that is given back."""

    def __init__(self, size_bytes: int) -> None:
        """Raises LocalError."""
        try:
            self._fd = os.memfd_create("s3lo", os.MFD_CLOEXEC)
            os.ftruncate(self._fd, size_bytes)
        except OSError as error:
            raise from_os(error, "making a file in memory") from error
        self.path = Path(f"/proc/{os.getpid()}/fd/{self._fd}")

    def write(self, offset: int, content: bytes | memoryview) -> None:
        """All of it; raises LocalError."""
        memory = memoryview(content)
        try:
            while memory:
                count = os.pwrite(self._fd, memory, offset)
                offset, memory = offset + count, memory[count:]
        except OSError as error:
            raise from_os(error, "keeping what came in memory") from error

    def give_back(self, offset: int, length: int) -> None:
        """The memory of a range, which nobody will read again."""
        punch_hole(self.path, offset, length)

    def close(self) -> None:
        """Nobody may use it any more: its number will be that of another file."""
        os.close(self._fd)
