"""The socket wire: small S3 requests that only read, over a connection that a pull then goes on with.

It spares a pull awscrt's import and its threads: 6 of 36 MiB for an image of 5 MB, whose time stayed
the same, most of it being the start of Python and of this package.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from msgspec.structs import replace

from s3lo.engine.dialer import Dialer
from s3lo.engine.http import NoConnection
from s3lo.engine.line import Line
from s3lo.errors import ServiceError
from s3lo.model.objects import Credentials, Endpoint, Request, Response

ANSWER_SECONDS = 10.0
"""How long the service may be silent before it answers."""
MOST_BYTES = 64 << 20
"""Of an answer: documents are kept in memory."""


class SocketWire:
    """A Wire for GET and HEAD, for any thread. ``endpoint`` changes when a redirect names another
    region."""

    def __init__(
        self,
        endpoint: Endpoint,
        credentials: Callable[[], Credentials | None],
        interfaces: tuple[str, ...] = (),
    ) -> None:
        self.endpoint = endpoint
        self.credentials = credentials
        self._interfaces = interfaces
        self._lock = threading.Lock()
        self._dial_anew()

    def send(self, request: Request) -> Response:
        if request.body is not None or request.method not in ("GET", "HEAD"):
            raise ValueError(f"{request.operation}: this wire only reads")
        with self._lock:
            try:
                head = self._line.ask(request, ANSWER_SECONDS)
                answer = self._line.read_answer(head, MOST_BYTES)
                if not head.has_no_body and len(answer.body) < (head.body_bytes or 0):
                    raise NoConnection("the answer ended early")
                return answer
            except NoConnection as error:
                what = f"s3://{self.endpoint.bucket}/{request.key}"
                raise ServiceError(f"no answer for {what}: {error}") from error

    def set_region(self, region: str) -> None:
        self.close()
        self.endpoint = replace(self.endpoint, region=region)
        self._dial_anew()

    def hand_over(self) -> Dialer:
        """What dials, the open connection first."""
        with self._lock:
            self._line.hang_up()
        return self.dialer

    def close(self) -> None:
        with self._lock:
            self._line.close()

    def _dial_anew(self) -> None:
        self.dialer = Dialer(self.endpoint, self._interfaces)
        self._line = Line(self.endpoint, self.dialer, lambda: self.credentials())
