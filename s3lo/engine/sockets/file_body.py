"""File body: a range of a file on its way into a request.

It may be read through before it is sent, by who has to know its checksum then. What fits into the
small memory that it passes is read once; more of it is sent by the kernel out of the page cache, where
nothing has to be encrypted, and else read again.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from types import TracebackType

from s3lo.engine.sockets.http import HttpConnection
from s3lo.errors import LocalError, from_os

_UNABLE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EOVERFLOW)
"""What file systems say whose files the kernel cannot send."""
_BROKEN_FILE = (errno.EIO, errno.ENOMEM, errno.ESTALE)


class FileBody:
    """For one thread; raises LocalError where the file cannot be read, or is shorter."""

    def __init__(self, path: str, offset: int, size_bytes: int, memory: memoryview) -> None:
        self.size_bytes = size_bytes
        self._path = path
        self._offset = offset
        self._memory = memory
        self._is_held = False
        """All of it is in memory."""
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise from_os(error, "sending") from error

    def __enter__(self) -> FileBody:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._fd)

    def read_through(self, look: Callable[[memoryview], None]) -> None:
        """Show all of it, piece by piece."""
        self._pass_on(0, look)
        self._is_held = self.size_bytes <= len(self._memory)

    def send_over(self, connection: HttpConnection) -> None:
        if self._is_held:
            connection.send(self._memory[: self.size_bytes])
        else:
            sent = self._send_by_kernel(connection) if connection.sends_files else 0
            self._pass_on(sent, connection.send)

    def _send_by_kernel(self, connection: HttpConnection) -> int:
        """How much of it was sent."""
        sent = 0
        while sent < self.size_bytes:
            step = min(len(self._memory), self.size_bytes - sent)
            try:
                count = connection.send_file(self._fd, self._offset + sent, step)
            except OSError as error:
                if error.errno in _UNABLE:
                    break
                if error.errno in _BROKEN_FILE:
                    raise from_os(error, f"sending {self._path}") from error
                raise
            if count == 0:
                break
            sent += count
        return sent

    def _pass_on(self, position: int, take: Callable[[memoryview], None]) -> None:
        while position < self.size_bytes:
            piece = self._memory[: self.size_bytes - position]
            try:
                count = os.preadv(self._fd, [piece], self._offset + position)
            except OSError as error:
                raise from_os(error, f"sending {self._path}") from error
            if count == 0:
                raise LocalError(f"{self._path} became shorter while it was being sent")
            take(piece[:count])
            position += count
