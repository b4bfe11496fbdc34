"""HTTP: one HTTP/1.1 connection (RFC 9112) whose bodies go straight into the caller's memory."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

_HEAD_BYTES = 16 << 10
"""What is read at once while a head is expected: a small body comes with it in one call."""
_LONGEST_HEAD_BYTES = 64 << 10


class NoConnection(Exception):
    """There is no connection, or no longer: trying again may help."""


class Head(Struct, frozen=True):
    """Status and headers (names in lower case) of an answer."""

    status: int
    headers: Mapping[str, str]
    has_no_body: bool = False
    """Whatever its headers say, as of an answer to HEAD."""

    @property
    def body_bytes(self) -> int | None:
        """Length of the body; None where only its end tells."""
        length = self.headers.get("content-length", "")
        return int(length) if length.isdigit() else None

    @property
    def stays_open(self) -> bool:
        return self.headers.get("connection", "").lower() != "close"


class HttpConnection:
    """Used by one thread; any other may ``abort`` it."""

    def __init__(self, opened: socket.socket, *, waits_in_kernel: bool) -> None:
        """``waits_in_kernel``: a timeout of the socket's own ends a read, which TLS does not heed."""
        self._socket = opened
        self._receive_into = _receiver(opened)
        self._waits_in_kernel = waits_in_kernel
        self._patience_seconds = -1.0
        self._end: NoConnection | None = None
        if waits_in_kernel:
            opened.settimeout(None)
        self._buffer = bytearray(_HEAD_BYTES)
        self._rest = memoryview(b"")
        self.answers = 0
        """How many came over it: a fresh one that breaks at once is no old one that was closed."""
        self.body_bytes = 0
        """Received of bodies."""

    def ask(self, method: str, path: str, headers: tuple[tuple[str, str], ...]) -> Head:
        """Send a request without a body and read the head of its answer."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        text = f"{method} {path} HTTP/1.1\r\n{lines}\r\n"
        try:
            self._socket.sendall(text.encode("latin-1"))
            head = self._read_head()
            while 100 <= head.status < 200:
                head = self._read_head()
        except OSError as error:
            raise _broken(error) from error
        self.answers += 1
        return replace(head, has_no_body=True) if method == "HEAD" else head

    def wait_at_most(self, seconds: float) -> None:
        """How long the other side may be silent from now on before it is given up."""
        if seconds == self._patience_seconds:
            return
        self._patience_seconds = seconds
        if not self._waits_in_kernel:
            self._socket.settimeout(seconds)
            return
        # A timeout of Python's own costs a poll for each read, and one of the socket none.
        patience = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)

    def fill(self, memory: memoryview) -> int:
        """Fill memory with the body's next bytes: all of it, or what came before it broke; raises
        NoConnection where nothing came."""
        if self._end:
            raise self._end
        filled = 0
        while filled < len(memory):
            try:
                filled += self._read_into(memory[filled:])
            except NoConnection as end:
                self._end = end
                if filled:
                    break
                raise
        return filled

    def read_all(self, head: Head, most_bytes: int) -> bytes:
        """A body that is kept in memory, up to so many bytes of it, or what came of it."""
        if "chunked" in head.headers.get("transfer-encoding", "").lower():
            return _unchunked(self._read_until(most_bytes, b"0\r\n\r\n"))
        wanted = most_bytes if head.body_bytes is None else head.body_bytes
        return self._read_until(min(wanted, most_bytes), None)

    def abort(self) -> None:
        """From any thread: whoever waits for this connection finds it broken."""
        with suppress(OSError):  # it may be closed already
            # Not the method of a TLS socket, which would take its state away under the reader.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()

    def _read_until(self, count: int, end: bytes | None) -> bytes:
        """So many bytes, or up to the end of the body where that is told otherwise."""
        body = bytearray()
        memory = memoryview(bytearray(_HEAD_BYTES))
        with suppress(NoConnection):
            while len(body) < count and not (end and body.endswith(end)):
                got = self._read_into(memory[: count - len(body)])
                body += memory[:got]
        return bytes(body)

    def _read_into(self, memory: memoryview) -> int:
        if self._rest:
            count = min(len(memory), len(self._rest))
            memory[:count] = self._rest[:count]
            self._rest = self._rest[count:]
            self.body_bytes += count
            return count
        try:
            count = self._receive_into(memory)
        except OSError as error:
            raise _broken(error) from error
        if count == 0:
            raise NoConnection("the connection was closed in the middle of an answer")
        self.body_bytes += count
        return count

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
            count = self._socket.recv_into(memoryview(buffer)[filled:])
            if count == 0:
                raise NoConnection("the connection was closed before an answer came")
            filled += count
        self._rest = memoryview(bytes(buffer[end + 4 : filled]))
        return _parse_head(bytes(buffer[:end]))


def _receiver(opened: socket.socket) -> Callable[[memoryview], int]:
    """What fills memory with what has come; 0 at the end."""
    read = getattr(opened, "read", None)
    if read is None:
        # Without MSG_WAITALL, for which each packet wakes the reader: a sixth of a pull's time.
        return opened.recv_into
    # TLS comes in records of 16 KiB, a call each, and its recv_into does more around a call.
    return lambda memory: read(len(memory), memory)


def _parse_head(text: bytes) -> Head:
    first, *lines = text.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    if not version.startswith("HTTP/1.") or not status.isdigit():
        raise NoConnection(f"an answer that is not HTTP: {first[:80]!r}")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if version == "HTTP/1.0":
        headers.setdefault("connection", "close")
    return Head(int(status), headers)


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
        return NoConnection("the service fell silent")
    return NoConnection(f"the connection broke ({error})")
