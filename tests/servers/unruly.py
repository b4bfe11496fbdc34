"""Unruly: an HTTP proxy in front of a real service that misbehaves where a test says so.

    with Unruly(seaweed.endpoint_url) as proxy:
        proxy.when("GET", "/blobs/", slow_down, every=5)

Every request that no rule catches is passed on as it came, its Host header included, so that its
signature stays valid. A fault is a function of the exchange: it may answer by itself, pass the
request on and spoil the answer, or wait.
"""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from typing_extensions import Self

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "expect"})
_PATIENCE_SECONDS = 60.0
_SLOW_DOWN = (
    b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>SlowDown</Code>"
    b"<Message>Please reduce your request rate.</Message></Error>"
)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass
class Exchange:
    """One request, and the means to answer it."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    proxy: Unruly
    _handler: BaseHTTPRequestHandler

    def forward(self) -> Answer:
        """What the real service says."""
        upstream = http.client.HTTPConnection(self.proxy.upstream, timeout=_PATIENCE_SECONDS)
        try:
            upstream.putrequest(self.method, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers:
                upstream.putheader(name, value)
            upstream.endheaders(self.body or None)
            response = upstream.getresponse()
            body = response.read()
            kept = [(n, v) for n, v in response.getheaders() if n.lower() not in _HOP_BY_HOP]
            if response.getheader("content-length") is None and response.status != 204:
                kept.append(("Content-Length", str(len(body))))
            return Answer(response.status, tuple(kept), body)
        finally:
            upstream.close()

    def reply(self, answer: Answer, at_most: int | None = None) -> None:
        """Send an answer, or no more than so many bytes of its body."""
        self._handler.send_response_only(answer.status)
        for name, value in answer.headers:
            self._handler.send_header(name, value)
        self._handler.end_headers()
        self._handler.wfile.write(answer.body[:at_most])

    def hang_up(self) -> None:
        """Reset the connection (RST, not FIN)."""
        self._handler.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._handler.connection.close()

    def fall_silent(self) -> None:
        """Neither say more nor hang up, until the client does or the proxy ends."""
        self._handler.close_connection = True
        self._handler.connection.settimeout(0.1)
        while not self.proxy.is_closing.is_set():
            try:
                if not self._handler.connection.recv(1):
                    return
            except TimeoutError:
                continue


Fault = Callable[[Exchange], None]


def slow_down(exchange: Exchange) -> None:
    """503, as S3 says it."""
    headers = (("Content-Type", "application/xml"), ("Content-Length", str(len(_SLOW_DOWN))))
    exchange.reply(Answer(503, headers, b"" if exchange.method == "HEAD" else _SLOW_DOWN))


def refusing(status: int, code: str, header: str = "") -> Fault:
    """An error with one of S3's codes; given a header, only requests that carry it."""

    def refuse(exchange: Exchange) -> None:
        if header and not any(name.lower() == header for name, _ in exchange.headers):
            exchange.reply(exchange.forward())
            return
        body = f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode()
        exchange.reply(Answer(status, (("Content-Length", str(len(body))),), body))

    return refuse


def delaying(seconds: Callable[[], float]) -> Fault:
    """Requests come so much later, and their answers as well."""

    def delay(exchange: Exchange) -> None:
        time.sleep(seconds())
        answer = exchange.forward()
        time.sleep(seconds())
        exchange.reply(answer)

    return delay


def reset(exchange: Exchange) -> None:
    """The connection breaks before the service has seen the request."""
    exchange.hang_up()


def lose_answer(exchange: Exchange) -> None:
    """The service carries the request out, and the connection breaks."""
    exchange.forward()
    exchange.hang_up()


def reset_midway(exchange: Exchange) -> None:
    """The connection breaks in the middle of the answer's body."""
    answer = exchange.forward()
    exchange.reply(answer, len(answer.body) // 2)
    exchange.hang_up()


def end_early(exchange: Exchange) -> None:
    """The connection ends in good order, in the middle of the answer's body."""
    answer = exchange.forward()
    exchange.reply(answer, len(answer.body) // 2)
    exchange._handler.close_connection = True


def stall(exchange: Exchange) -> None:
    """Half of the answer's body, and then nothing."""
    answer = exchange.forward()
    exchange.reply(answer, len(answer.body) // 2)
    exchange.fall_silent()


def never_answer(exchange: Exchange) -> None:
    """Not even a status line."""
    exchange.fall_silent()


def wrong_byte_back(exchange: Exchange) -> None:
    """One bit of the answer's body is flipped."""
    answer = exchange.forward()
    exchange.reply(replace(answer, body=_flipped(answer.body)))


def wrong_byte_there(exchange: Exchange) -> None:
    """One bit of the request's body is flipped before the service sees it."""
    exchange.body = _flipped(exchange.body)
    exchange.reply(exchange.forward())


def _flipped(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]


class Gate:
    """A fault: requests wait here until it is opened, then pass as if nothing had been."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._changed = threading.Condition()
        self.arrived = 0

    def __call__(self, exchange: Exchange) -> None:
        with self._changed:
            self.arrived += 1
            self._changed.notify_all()
        while not self._open.wait(0.1):
            if exchange.proxy.is_closing.is_set():
                return
        exchange.reply(exchange.forward())

    def open(self) -> None:
        self._open.set()

    def wait_for(self, arrivals: int, seconds: float = 30.0) -> None:
        """Return when so many requests have come in all; AssertionError if they do not."""
        with self._changed:
            came = self._changed.wait_for(lambda: self.arrived >= arrivals, seconds)
        assert came, f"{self.arrived} requests came of {arrivals} waited for"


class Meeting:
    """A fault: requests wait until so many have come, and are then passed on one by one."""

    def __init__(self, parties: int) -> None:
        self._barrier = threading.Barrier(parties)
        self._turn = threading.Lock()

    def __call__(self, exchange: Exchange) -> None:
        self._barrier.wait(_PATIENCE_SECONDS)
        with self._turn:
            answer = exchange.forward()
        exchange.reply(answer)


@dataclass
class Rule:
    """Which requests a fault befalls: those that match, but not the first ``after``, then one in
    ``every``, and no more than ``times`` in all."""

    method: str
    part: str
    fault: Fault
    after: int = 0
    every: int = 1
    times: int | None = None
    matched: int = 0
    befallen: int = 0

    def applies_to(self, exchange: Exchange) -> bool:
        if exchange.method != self.method or self.part not in exchange.path:
            return False
        self.matched += 1
        turn = self.matched - 1 - self.after
        if turn < 0 or turn % self.every or self.befallen == self.times:
            return False
        self.befallen += 1
        return True


@dataclass
class Unruly:
    """A proxy to one plain HTTP service. Requests are remembered as ``(method, path)``."""

    upstream_url: str
    rules: list[Rule] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    is_closing: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def upstream(self) -> str:
        return urlsplit(self.upstream_url).netloc

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def when(
        self,
        method: str,
        part: str,
        fault: Fault,
        *,
        after: int = 0,
        every: int = 1,
        times: int | None = None,
    ) -> Rule:
        """Let a fault befall requests with this method whose path contains ``part``."""
        rule = Rule(method, part, fault, after, every, times)
        self.rules.append(rule)
        return rule

    def count(self, method: str, part: str) -> int:
        return sum(m == method and part in path for m, path in self.seen)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _handler_for(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.is_closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def serve(self, exchange: Exchange) -> None:
        """Answer one request, as the first rule that catches it says."""
        with self._lock:
            self.seen.append((exchange.method, exchange.path))
            caught = next((rule for rule in self.rules if rule.applies_to(exchange)), None)
        if caught:
            caught.fault(exchange)
        else:
            exchange.reply(exchange.forward())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is what these tests are about."""


def _handler_for(proxy: Unruly) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            length = int(self.headers.get("content-length", 0))
            headers = tuple((n, v) for n, v in self.headers.items() if n.lower() not in _HOP_BY_HOP)
            body = self.rfile.read(length)
            try:
                proxy.serve(Exchange(self.command, self.path, headers, body, proxy, self))
                self.wfile.flush()
            except (OSError, ValueError):
                self.close_connection = True

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

        def finish(self) -> None:
            with suppress(OSError, ValueError):
                super().finish()

        def log_message(self, format: str, *args: Any) -> None:
            """Tests look at ``seen``."""

    return Handler
