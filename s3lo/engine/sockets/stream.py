"""Stream: the bytes of a TCP connection, as they are or in TLS."""

from __future__ import annotations

import fcntl
import select
import socket
import struct
import termios
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from s3lo.engine.sockets.pipe import PIPE_BYTES, NoWay, Pipe

if TYPE_CHECKING:  # 25 ms that a plain connection does without
    import ssl

    from s3lo.engine.sockets.records import Records

_EARLY_BYTES = 4 << 10
_MUCH_BYTES = 256 << 10
"""To wake for, of what is known to come. With 128 KiB 4 GiB over some 300 connections of 8 MB/s took 1.06 of the
time (10 rounds in turn) and 1.1 of the CPU time, over 600 of 2 MB/s 1.24 of that; with 512 KiB no less."""
_LITTLE_BYTES = 16 << 10
_ROOM_BYTES = PIPE_BYTES
"""Of the window that is offered: four times that much, so that it is not full before somebody is woken,
for the sender would then wait for a whole round trip; and no more than a pipe takes at once."""
_STEP_SECONDS = 0.5
"""After which what has come of much is taken, however little."""
_CARRIED = struct.Struct("QQ")
_CARRIED_OFFSET = 120
_INFO_BYTES = _CARRIED_OFFSET + _CARRIED.size
"""Of struct tcp_info (linux/tcp.h): tcpi_bytes_acked, tcpi_bytes_received. Unlike an ioctl, asking for it
keeps the interpreter: to count what 16 sockets held took 23 ms, for lanes took their turns between."""
_LONGEST_RECORD_BYTES = 17 << 10
"""RFC 8446, section 5.2: 2^14 + 256 bytes, and a head."""
_MANY_RECORDS_BYTES = 128 << 10
"""For fewer, what takes them at once is not worth its import."""


class Stream(Protocol):
    """Used by one thread; any other may ``abort`` it. What takes too long raises TimeoutError or
    BlockingIOError, what breaks another OSError."""

    def receive_into(self, memory: memoryview) -> int:
        """Put there what has come, at least a byte; 0 at the end."""

    def receive_much(self, memory: memoryview, coming_bytes: int) -> int:
        """The same, of what is known to come, so many bytes to its end: the kernel need not wake this
        thread for a little of it."""

    def pass_on(self, pipe: Pipe, coming_bytes: int) -> int:
        """The same, into a pipe; raises NoWay where what comes has to be looked at. One that holds
        something already is not kept waiting for long."""

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

    def carried_bytes(self) -> int:
        """Come from the other side, be it that nobody had time for it yet, and known to have reached it;
        0 where the kernel does not count."""

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
        self._least_bytes = 1
        self.wake_for(_ROOM_BYTES)  # Linux makes the window so large, and leaves it so
        self.wake_for(1)
        self._incoming = _polled(opened, select.POLLIN)
        self._either = _polled(opened, select.POLLIN | select.POLLOUT)

    def wait_at_most(self, seconds: float) -> None:
        self._seconds = seconds

    def wake_for(self, least_bytes: int) -> None:
        """Have whoever waits for what comes wait for so much of it, or for its end (socket(7),
        SO_RCVLOWAT). No more than is known to come: else nothing ends the waiting but patience.

        A thread that is woken for every few packets over each of 156 connections took a fifth more
        CPU time.
        """
        if least_bytes != self._least_bytes:
            self._least_bytes = least_bytes
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, least_bytes)

    def wait_to_send(self) -> bool:
        return bool(self._either.poll(self._seconds * 1000))

    def waiting_bytes(self) -> int:
        with suppress(OSError, ValueError):  # it may be closed already
            [count] = struct.unpack("i", fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(4)))
            return int(count)
        return 0

    def carried_bytes(self) -> int:
        with suppress(OSError, struct.error):  # closed already, or of a kernel that counts nothing
            told = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
            return sum(_CARRIED.unpack_from(told, _CARRIED_OFFSET))
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
        self._step_seconds = 0.0

    def wait_at_most(self, seconds: float) -> None:
        super().wait_at_most(seconds)
        step_seconds = min(seconds, _STEP_SECONDS)
        if step_seconds != self._step_seconds:
            self._step_seconds = step_seconds
            # A timeout of Python's own costs a poll for each read, and one of the socket none.
            patience = struct.pack("ll", int(step_seconds), int(step_seconds % 1 * 1e6))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)

    def receive_into(self, memory: memoryview) -> int:
        self.wake_for(1)
        return self._patiently(partial(self._socket.recv_into, memory))

    def receive_much(self, memory: memoryview, coming_bytes: int) -> int:
        # Not with MSG_WAITALL, for which each packet wakes the reader: a sixth of a pull's time.
        self.wake_for(_much_of(min(len(memory), coming_bytes // 2)))
        return self._patiently(partial(self._socket.recv_into, memory))

    def pass_on(self, pipe: Pipe, coming_bytes: int) -> int:
        self.wake_for(_much_of(coming_bytes // 2))
        take = partial(pipe.take_from, self._socket.fileno(), coming_bytes)
        return take() if pipe.held_bytes else self._patiently(take)

    def _patiently(self, receive: Callable[[], int]) -> int:
        """After each step what has come of it, be it little; silence is many steps of nothing."""
        silent_seconds = 0.0
        while True:
            try:
                return receive()
            except BlockingIOError:
                silent_seconds += self._step_seconds
                if silent_seconds >= self._seconds:
                    raise

    def send(self, memory: memoryview, *, more_follows: bool = False) -> int:
        flags = socket.MSG_DONTWAIT | (socket.MSG_MORE if more_follows else 0)
        try:
            return self._socket.send(memory, flags)
        except BlockingIOError:
            return 0

    def has_come(self) -> bool:
        self.wake_for(1)
        return bool(self._incoming.poll(0))


class TlsStream(_Socket):
    def __init__(self, opened: ssl.SSLSocket) -> None:
        import ssl

        super().__init__(opened)
        opened.settimeout(0)
        self._tls = opened
        self._read: Callable[[int, memoryview], int] = cast(Any, opened.read)
        self._early = memoryview(b"")
        self._end: OSError | None = None
        """What broke behind what was received last; OpenSSL tells it but once."""
        self._must_wait = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
        self._knows_records = False
        self._records: Records | None = None

    def receive_into(self, memory: memoryview) -> int:
        return self._receive(memory, 1)

    def receive_much(self, memory: memoryview, coming_bytes: int) -> int:
        # Of a record some may have been read already.
        least_bytes = _much_of((coming_bytes - _LONGEST_RECORD_BYTES) // 2)
        received = count = self._receive(memory, least_bytes)
        # All records that are there, at once: asked for one by one, 4 GiB took 1.06 times as long.
        if count and coming_bytes >= _MANY_RECORDS_BYTES and (records := self._all_records()):
            received += records.take(memory[received:])
        try:
            while count and received < len(memory):
                count = self._read(len(memory) - received, memory[received:])
                received += count
        except self._must_wait:
            pass
        except OSError as error:
            self._end = error
        return received

    def pass_on(self, pipe: Pipe, coming_bytes: int) -> int:
        del pipe, coming_bytes
        raise NoWay

    def close(self) -> None:
        if self._records:
            self._records.close()
            self._records = None
        super().close()

    def _all_records(self) -> Records | None:
        """Made where there is use for it."""
        if not self._knows_records:
            from s3lo.engine.sockets.records import records_of

            self._knows_records = True
            self._records = records_of(self._tls)
        return self._records

    def _receive(self, memory: memoryview, least_bytes: int) -> int:
        if self._end:
            raise self._end
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
                self._wait_for(least_bytes)

    def _wait_for(self, least_bytes: int) -> None:
        self.wake_for(least_bytes)
        if least_bytes > 1 and self._incoming.poll(_STEP_SECONDS * 1000):
            return
        self.wake_for(1)
        if not self._incoming.poll(self._seconds * 1000):
            raise TimeoutError

    def send(self, memory: memoryview, *, more_follows: bool = False) -> int:
        del more_follows  # a record is sent as it is made
        try:
            return self._tls.write(memory)
        except self._must_wait:
            return 0

    def has_come(self) -> bool:
        """TLS has messages of its own, such as session tickets, which are no answer."""
        self.wake_for(1)
        if self._early or self._tls.pending():
            return True
        return bool(self._incoming.poll(0)) and self._read_early()

    def _read_early(self) -> bool:
        try:
            self._early = memoryview(self._tls.read(_EARLY_BYTES))
        except self._must_wait:
            return False
        return True


def _much_of(most_bytes: int) -> int:
    """How much to wake for where at most so much should be waited for. The kernel gives out what is there,
    and wakes then for as much once more: where that was all that was to come, the end of a part waited a
    whole step, and three connections at once had nothing to do."""
    least_bytes = min(most_bytes, _MUCH_BYTES)
    return least_bytes if least_bytes >= _LITTLE_BYTES else 1


def _polled(opened: socket.socket, events: int) -> select.poll:
    polled = select.poll()
    polled.register(opened, events)
    return polled
