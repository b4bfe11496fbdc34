"""Line: a connection that is kept from one request to the next, and made anew where it was lost.

One that was kept may have been closed by the other side meanwhile: a request on it is then made once
more on a fresh one (RFC 9110, section 9.2.2), and nobody hears of it. Not so one that, carried out
unseen, is answered otherwise the second time: whoever asked has to know.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from s3lo.engine.sockets.dialer import Dialer
from s3lo.engine.sockets.head import Head
from s3lo.engine.sockets.http import Body, Content, HttpConnection, NoConnection
from s3lo.model.objects import Credentials, Endpoint, Request, Response
from s3lo.model.signing import Headers, signed_headers

IDLE_SECONDS = 15.0
"""A connection unused for longer is not trusted to be open: services close them after some 20 s."""
ERROR_BYTES = 64 << 10
"""More of an error document is of no use."""
_CONDITIONS = ("if-match", "if-none-match")


class Line:
    """For one thread; any other may ``cancel`` what it does."""

    def __init__(
        self,
        endpoint: Endpoint,
        dialer: Dialer,
        credentials: Callable[[], Credentials | None],
    ) -> None:
        self.endpoint = endpoint
        self.is_cancelled = False
        self._dialer = dialer
        self._credentials = credentials
        self._connection: HttpConnection | None = None
        self._used_at = 0.0
        self._closed_bytes = 0
        """Carried by connections that are closed."""

    @property
    def has_moved(self) -> bool:
        """Whether anything of a body came over the connection, or was handed to it."""
        connection = self._connection
        return connection is not None and connection.has_moved

    @property
    def carried_bytes(self) -> int:
        """By all connections so far, either way."""
        connection = self._connection
        return self._closed_bytes + (connection.carried_bytes if connection else 0)

    def ask(self, request: Request, patience_seconds: float, body: Body | None = None) -> Head:
        """Send a request, with ``body`` instead of what it holds itself; its answer's body is then
        to be read. Raises NoConnection, UntrustedEndpoint or LocalError."""
        if body is None and request.body is not None:
            body = Content(request.body)
        may_repeat = _may_repeat(request)
        path = self.endpoint.path(request)
        connection = self._kept(must_be_quiet=not may_repeat) or self._dialed()
        while True:
            headers = (*self._signed(request, body), *_length_of(request, body))
            try:
                connection.wait_at_most(patience_seconds)
                head = connection.ask(request.method, path, headers, body)
            except NoConnection:
                is_stale = may_repeat and connection.answers > 0 and not self.is_cancelled
                self.close()
                if not is_stale:
                    raise
                connection = self._dialed()
            else:
                self._used_at = time.monotonic()
                return head

    @property
    def body(self) -> HttpConnection:
        """What the body of the last answer is read from."""
        assert self._connection is not None
        return self._connection

    def read_answer(
        self, head: Head, most_bytes: int = ERROR_BYTES, *, must_be_whole: bool = False
    ) -> Response:
        """The last answer with its body, kept in memory, or as much of it as came; raises
        NoConnection where it ``must_be_whole`` and is known not to be."""
        body, is_whole = self.body.read_all(head, most_bytes)
        self.ended(head, is_whole=is_whole)
        if must_be_whole and not is_whole and _tells_its_end(head):
            raise NoConnection("the answer ended early")
        return Response(head.status, head.headers, body)

    def ended(self, head: Head, *, is_whole: bool = True) -> None:
        """The last answer has been read; where not to its end, its connection is of no more use."""
        if not is_whole or not head.stays_open:
            self.close()

    def cancel(self) -> None:
        self.is_cancelled = True
        connection = self._connection
        if connection is not None:
            connection.abort()

    def hang_up(self) -> None:
        """Leave the connection to whoever dials next."""
        connection, self._connection = self._kept(), None
        if connection is not None:
            self._dialer.keep(connection)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._closed_bytes += connection.carried_bytes
            connection.close()

    def _signed(self, request: Request, body: Body | None) -> Headers:
        return signed_headers(
            request, self.endpoint, self._credentials(), has_body=body is not None
        )

    def _kept(self, *, must_be_quiet: bool = False) -> HttpConnection | None:
        if time.monotonic() - self._used_at > IDLE_SECONDS:
            self.close()
        if must_be_quiet and self._connection and not self._connection.is_quiet():
            self.close()
        return self._connection

    def _dialed(self) -> HttpConnection:
        self._connection = self._dialer.dial()
        if self.is_cancelled:
            raise NoConnection("cancelled")
        return self._connection


def _may_repeat(request: Request) -> bool:
    """Whether it is answered alike when it has been carried out before."""
    is_conditional = any(name in _CONDITIONS for name, _ in request.headers)
    return request.method in ("GET", "HEAD") or (request.method == "PUT" and not is_conditional)


def _length_of(request: Request, body: Body | None) -> Headers:
    if body is None and request.method in ("GET", "HEAD", "DELETE"):
        return ()
    return (("content-length", str(body.size_bytes if body else 0)),)


def _tells_its_end(head: Head) -> bool:
    return head.body_bytes is not None or "transfer-encoding" in head.headers
