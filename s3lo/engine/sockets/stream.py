"""Stream: the bytes of a TCP connection, as they are or in TLS."""

from __future__ import annotations

import fcntl
import select
import socket
import struct
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:  # 25 ms that a plain connection does without
    import ssl

_EARLY_BYTES = 4 << 10


class Stream(Protocol):
    """Used by one thread; any other may ``abort`` it. What takes too long raises TimeoutError or
    BlockingIOError, what breaks another OSError."""

    @property
    def receive_into(self) -> Callable[[memoryview], int]:
        """Fills memory with what has come, at least a byte; 0 at the end."""

    def wait_at_most(self, seconds: float) -> None: ...

    def send(self, memory: memoryview, *, more_follows: bool = False) -> int:
        """Hand over some of it to be sent; ``more_follows`` at once, and may go with it. 0 where
        nothing can be taken now."""

    def wait_to_send(self) -> bool:
        """Until something more can be sent or has come; False where it takes too long."""

    def has_come(self) -> bool:
        """Whether there is something to receive, be it the end."""

    def waiting_bytes(self) -> int:
        """Handed over, and not yet known to have reached the other side."""

    def abort(self) -> None: ...

    def close(self) -> None: ...


class _Socket:
    """What is common to both: a socket.

    Sending never blocks in it: an answer that comes while the other side takes no more, a refusal,
    was once seen half a minute later, when patience with the silence was at its end.
    """

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._seconds = -1.0
        self._incoming = _polled(opened, select.POLLIN)
        self._either = _polled(opened, select.POLLIN | select.POLLOUT)

    def wait_at_most(self, seconds: float) -> None:
        self._seconds = seconds

    def wait_to_send(self) -> bool:
        return bool(self._either.poll(self._seconds * 1000))

    def waiting_bytes(self) -> int:
        with suppress(OSError, ValueError):  # it may be closed already
            [count] = struct.unpack("i", fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(4)))
            return int(count)
        return 0

    def abort(self) -> None:
        with suppress(OSError):  # it may be closed already
            # Not the method of a TLS socket, which would take its state away under the reader.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()


class PlainStream(_Socket):
    def __init__(self, opened: socket.socket) -> None:
        super().__init__(opened)
        opened.settimeout(None)
        # Without MSG_WAITALL, for which each packet wakes the reader: a sixth of a pull's time.
        self.receive_into: Callable[[memoryview], int] = opened.recv_into

    def wait_at_most(self, seconds: float) -> None:
        super().wait_at_most(seconds)
        # A timeout of Python's own costs a poll for each read, and one of the socket none.
        patience = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)

    def send(self, memory: memoryview, *, more_follows: bool = False) -> int:
        flags = socket.MSG_DONTWAIT | (socket.MSG_MORE if more_follows else 0)
        try:
            return self._socket.send(memory, flags)
        except BlockingIOError:
            return 0

    def has_come(self) -> bool:
        return bool(self._incoming.poll(0))


class TlsStream(_Socket):
    def __init__(self, opened: ssl.SSLSocket) -> None:
        import ssl

        super().__init__(opened)
        opened.settimeout(0)
        self._tls = opened
        self._read: Callable[[int, memoryview], int] = cast(Any, opened.read)
        self._early = memoryview(b"")
        self._must_wait = (ssl.SSLWantReadError, ssl.SSLWantWriteError)

    def receive_into(self, memory: memoryview) -> int:
        if self._early:
            count = min(len(memory), len(self._early))
            memory[:count] = self._early[:count]
            self._early = self._early[count:]
            return count
        while True:
            try:
                # TLS comes in records of 16 KiB, a call each, and its recv_into does more around a call.
                return self._read(len(memory), memory)
            except self._must_wait:
                if not self._incoming.poll(self._seconds * 1000):
                    raise TimeoutError from None

    def send(self, memory: memoryview, *, more_follows: bool = False) -> int:
        del more_follows  # a record is sent as it is made
        try:
            return self._tls.write(memory)
        except self._must_wait:
            return 0

    def has_come(self) -> bool:
        """TLS has messages of its own, such as session tickets, which are no answer."""
        if self._early or self._tls.pending():
            return True
        return bool(self._incoming.poll(0)) and self._read_early()

    def _read_early(self) -> bool:
        try:
            self._early = memoryview(self._tls.read(_EARLY_BYTES))
        except self._must_wait:
            return False
        return True


def _polled(opened: socket.socket, events: int) -> select.poll:
    polled = select.poll()
    polled.register(opened, events)
    return polled
