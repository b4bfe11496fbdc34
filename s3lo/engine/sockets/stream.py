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
        """Hand over some of it to be sent; ``more_follows`` at once, and may go with it."""

    def has_come(self) -> bool:
        """Whether there is something to receive, be it the end."""

    def waiting_bytes(self) -> int:
        """Handed over, and not yet known to have reached the other side."""

    def abort(self) -> None: ...

    def close(self) -> None: ...


class _Socket:
    """What is common to both: a socket."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._poll = select.poll()
        self._poll.register(opened, select.POLLIN)

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
        # A timeout of Python's own costs a poll for each read, and one of the socket none.
        patience = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)

    def send(self, memory: memoryview, *, more_follows: bool = False) -> int:
        return self._socket.send(memory, socket.MSG_MORE if more_follows else 0)

    def has_come(self) -> bool:
        return bool(self._poll.poll(0))


class TlsStream(_Socket):
    def __init__(self, opened: ssl.SSLSocket) -> None:
        super().__init__(opened)
        self._tls = opened
        self._read: Callable[[int, memoryview], int] = cast(Any, opened.read)
        self._early = memoryview(b"")
        self._seconds: float | None = None

    def wait_at_most(self, seconds: float) -> None:
        self._seconds = seconds
        self._tls.settimeout(seconds)

    def receive_into(self, memory: memoryview) -> int:
        if self._early:
            count = min(len(memory), len(self._early))
            memory[:count] = self._early[:count]
            self._early = self._early[count:]
            return count
        # TLS comes in records of 16 KiB, a call each, and its recv_into does more around a call.
        return self._read(len(memory), memory)

    def send(self, memory: memoryview, *, more_follows: bool = False) -> int:
        del more_follows  # a record is sent as it is made
        return self._tls.write(memory)

    def has_come(self) -> bool:
        """TLS has messages of its own, such as session tickets, which are no answer."""
        if self._early or self._tls.pending():
            return True
        return bool(self._poll.poll(0)) and self._read_early()

    def _read_early(self) -> bool:
        import ssl

        self._tls.settimeout(0)
        try:
            self._early = memoryview(self._tls.read(_EARLY_BYTES))
        except ssl.SSLWantReadError:
            return False
        finally:
            self._tls.settimeout(self._seconds)
        return True
