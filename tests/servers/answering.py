"""Answering: an HTTP server that answers as the Amazon S3 API reference says, when a test wants it to.

Busy, elsewhere, conflicting, broken: no real service can be made to on demand.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Seen:
    """A request as it arrived; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def signed_for(self) -> str:
        """The region in the signature, empty for an anonymous request."""
        scope = self.headers.get("authorization", "").partition("Credential=")[2]
        return scope.split("/")[2] if scope else ""


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def error(status: int, code: str, **headers: str) -> Answer:
    """An S3 error document, and headers with underscores for dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>So.</Message></Error>"
    return Answer(status, body.encode(), named)


HANG_UP = Answer(0)
"""Close the connection instead of answering."""


class Answering:
    """Answers with what ``reply`` says of each request, and remembers them all."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.reply: Callable[[Seen], Answer] = lambda _: Answer()
        answering = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                answering._serve(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                """Tests look at ``seen``."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def script(self, *answers: Answer) -> None:
        """Give these answers in turn, and the last one for ever after."""
        remaining = list(answers)
        self.reply = lambda _: remaining.pop(0) if len(remaining) > 1 else remaining[0]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("content-length", 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        seen = Seen(handler.command, handler.path, headers, handler.rfile.read(length))
        self.seen.append(seen)
        answer = self.reply(seen)
        if answer is HANG_UP:
            handler.close_connection = True
            return
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if "content-length" not in answer.headers:
            handler.send_header("content-length", str(len(answer.body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(answer.body)
        declared = int(answer.headers.get("content-length", len(answer.body)))
        if declared != len(answer.body):
            handler.close_connection = True
