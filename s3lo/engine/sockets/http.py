"""HTTP: one HTTP/1.1 connection (RFC 9112) whose bodies go straight into the caller's memory or pipe, or
come from there.

A service may refuse a request before it has taken its body, and close. So its answer is looked for
while the body is sent, and where sending breaks: that it broke would be all that is known else.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from msgspec.structs import replace

from s3lo.engine.sockets.head import Head, parse_head
from s3lo.engine.sockets.pipe import Pipe
from s3lo.engine.sockets.stream import Stream

_HEAD_BYTES = 16 << 10
"""What is read at once while a head is expected: a small body comes with it in one call."""
_LONGEST_HEAD_BYTES = 64 << 10
_BODILESS = frozenset({204, 304})
_LAST_CHUNK = b"0\r\n\r\n"
_SILENT = "the service fell silent"


class NoConnection(Exception):
    """There is no connection, or no longer: trying again may help."""


class Body(Protocol):
    """What follows the head of a request. It may be sent more than once."""

    @property
    def size_bytes(self) -> int: ...

    def send_over(self, connection: HttpConnection) -> None:
        """All of it, by the connection's ``send``."""


class Content:
    """A body that is in memory."""

    def __init__(self, content: bytes) -> None:
        self._memory = memoryview(content)
        self.size_bytes = len(content)

    def send_over(self, connection: HttpConnection) -> None:
        connection.send(self._memory)


class _Answered(Exception):
    """An answer came while the request was still being sent."""

    def __init__(self, head: Head) -> None:
        super().__init__(head.status)
        self.head = head


class HttpConnection:
    """Used by one thread; any other may ``abort`` it."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._patience_seconds = -1.0
        self._waiting_bytes: int | None = None
        """Of what is sent, when it was last waited for; None where nothing is waited for but an
        answer."""
        self._end: NoConnection | None = None
        self._buffer = bytearray(_HEAD_BYTES)
        self._rest = memoryview(b"")
        self.answers = 0
        """How many came over it: a fresh one that breaks at once is no old one that was closed."""
        self._body_bytes = 0
        """Of bodies, received or handed over to be sent."""

    @property
    def has_moved(self) -> bool:
        """Whether anything of a body came, or was handed over."""
        return self._body_bytes > 0

    @property
    def carried_bytes(self) -> int:
        """As the kernel counts, heads included; where it does not, of bodies, received or handed over."""
        return self._stream.carried_bytes() or self._body_bytes

    def is_quiet(self) -> bool:
        """Nothing came since the last answer, not even the end; then it is likely to be open."""
        try:
            return not self._rest and not self._stream.has_come()
        except OSError:
            return False

    def ask(
        self,
        method: str,
        path: str,
        headers: tuple[tuple[str, str], ...],
        body: Body | None = None,
    ) -> Head:
        """Send a request and read the head of its answer; raises NoConnection."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        text = f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")
        self._waiting_bytes = None
        try:
            head = self._send_request(text, body) or self._read_final_head()
        except OSError as error:
            raise _broken(error) from error
        self.answers += 1
        has_no_body = method == "HEAD" or head.status in _BODILESS
        return replace(head, has_no_body=True) if has_no_body else head

    def wait_at_most(self, seconds: float) -> None:
        """How long the other side may neither take nor send anything from now on before it is given
        up."""
        if seconds != self._patience_seconds:
            self._patience_seconds = seconds
            self._stream.wait_at_most(seconds)

    def send(self, memory: memoryview) -> None:
        """All of it, as what comes next of a request's body."""
        if memory:
            self._end_where_answered()
        while memory:
            count = self._send_some(memory)
            self._body_bytes += count
            memory = memory[count:]

    def fill(self, memory: memoryview, coming_bytes: int) -> int:
        """Fill memory with the body's next bytes, of so many to its end: all of it, or what came
        before it broke; raises NoConnection where nothing came."""
        if self._end:
            raise self._end
        filled = 0

        def receive(memory: memoryview) -> int:
            return self._stream.receive_much(memory, coming_bytes - filled)

        while filled < len(memory):
            try:
                filled += self._take(memory[filled:], receive)
            except NoConnection as end:
                self._end = end
                if filled:
                    break
                raise
        return filled

    def pass_on(self, pipe: Pipe, coming_bytes: int) -> int:
        """Some of the body's next bytes, of so many to its end, into a pipe; raises NoWay where they cannot
        go there, and NoConnection, be it that nothing came soon where it holds something already."""
        if self._end:
            raise self._end
        if self._rest:
            return self._use_rest(pipe.take(self._rest[:coming_bytes]))
        return self._count(lambda: self._stream.pass_on(pipe, coming_bytes))

    def read_all(self, head: Head, most_bytes: int) -> tuple[bytes, bool]:
        """A body that is kept in memory, up to so many bytes of it, or what came of it; and whether
        its end is known to have come."""
        if head.has_no_body:
            return b"", True
        if "chunked" in head.headers.get("transfer-encoding", "").lower():
            raw = self._read_until(most_bytes, _LAST_CHUNK)
            return _unchunked(raw), raw.endswith(_LAST_CHUNK)
        wanted = most_bytes if head.body_bytes is None else head.body_bytes
        body = self._read_until(min(wanted, most_bytes), None)
        return body, len(body) == head.body_bytes

    def abort(self) -> None:
        """From any thread: whoever waits for this connection finds it broken."""
        self._stream.abort()

    def close(self) -> None:
        self._stream.close()

    def _send_request(self, text: bytes, body: Body | None) -> Head | None:
        """The head of its answer, where that came before all of it was sent."""
        try:
            self._send_head(memoryview(text), body_follows=body is not None and body.size_bytes > 0)
            if body is not None:
                self._waiting_bytes = -1
                body.send_over(self)
        except _Answered as answered:
            return replace(answered.head, is_early=True)
        except (TimeoutError, BlockingIOError):
            raise
        except OSError:
            # What had come before the connection broke can still be read.
            with suppress(OSError, NoConnection):
                return replace(self._read_final_head(), is_early=True)
            raise
        return None

    def _send_head(self, memory: memoryview, *, body_follows: bool) -> None:
        while memory:
            memory = memory[self._send_some(memory, more_follows=body_follows) :]

    def _send_some(self, memory: memoryview, *, more_follows: bool = False) -> int:
        """As much as is taken now, or none after waiting."""
        count = self._stream.send(memory, more_follows=more_follows)
        if count == 0:
            if not self._stream.wait_to_send():
                self._require_progress()
            self._end_where_answered()
        return count

    def _end_where_answered(self) -> None:
        if self._rest or self._stream.has_come():
            head = self._read_head()
            if head.status >= 200:
                raise _Answered(head)

    def _require_progress(self) -> None:
        """After waiting in vain: raise NoConnection unless the other side took something meanwhile,
        which then may be a lot, for what it has to take lies in the kernel's buffer."""
        waiting = self._stream.waiting_bytes()
        if self._waiting_bytes in (None, waiting):
            raise NoConnection(_SILENT)
        self._waiting_bytes = waiting

    def _read_until(self, count: int, end: bytes | None) -> bytes:
        """So many bytes, or up to the end of the body where that is told otherwise."""
        body = bytearray()
        memory = memoryview(bytearray(_HEAD_BYTES))
        with suppress(NoConnection):
            while len(body) < count and not (end and body.endswith(end)):
                got = self._take(memory[: count - len(body)], self._stream.receive_into)
                body += memory[:got]
        return bytes(body)

    def _take(self, memory: memoryview, receive: Callable[[memoryview], int]) -> int:
        if self._rest:
            count = min(len(memory), len(self._rest))
            memory[:count] = self._rest[:count]
            return self._use_rest(count)
        return self._count(lambda: receive(memory))

    def _use_rest(self, count: int) -> int:
        self._rest = self._rest[count:]
        self._body_bytes += count
        return count

    def _count(self, receive: Callable[[], int]) -> int:
        """What comes of a body; never nothing."""
        try:
            count = receive()
        except OSError as error:
            raise _broken(error) from error
        if count == 0:
            raise NoConnection("the connection was closed in the middle of an answer")
        self._body_bytes += count
        return count

    def _read_final_head(self) -> Head:
        while (head := self._read_head()).status < 200:
            pass
        return head

    def _read_head(self) -> Head:
        filled = 0
        buffer = self._buffer
        if self._rest:
            filled = len(self._rest)
            buffer[:filled] = bytes(self._rest)
            self._rest = memoryview(b"")
        while (end := buffer.find(b"\r\n\r\n", 0, filled)) < 0:
            if filled == len(buffer):
                if filled >= _LONGEST_HEAD_BYTES:
                    raise NoConnection("an answer without an end to its head")
                buffer.extend(bytes(_HEAD_BYTES))
            count = self._receive_patiently(memoryview(buffer)[filled:])
            if count == 0:
                raise NoConnection("the connection was closed before an answer came")
            filled += count
        self._rest = memoryview(bytes(buffer[end + 4 : filled]))
        head = parse_head(bytes(buffer[:end]))
        if head is None:
            raise NoConnection(f"an answer that is not HTTP: {bytes(buffer[: min(end, 80)])!r}")
        return head

    def _receive_patiently(self, memory: memoryview) -> int:
        while True:
            try:
                return self._stream.receive_into(memory)
            except (TimeoutError, BlockingIOError):
                self._require_progress()


def _unchunked(body: bytes) -> bytes:
    """Chunks put together (RFC 9112, section 7.1), as far as they came."""
    content = bytearray()
    while body:
        line, _, body = body.partition(b"\r\n")
        try:
            length = int(line.partition(b";")[0], 16)
        except ValueError:
            break
        if length == 0:
            break
        content += body[:length]
        body = body[length + 2 :]
    return bytes(content)


def _broken(error: OSError) -> NoConnection:
    # BlockingIOError is what a socket's own timeout looks like from here.
    if isinstance(error, TimeoutError | BlockingIOError):
        return NoConnection(_SILENT)
    return NoConnection(f"the connection broke ({error})")
