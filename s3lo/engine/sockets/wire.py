"""The socket wire: small S3 requests, over connections that a transfer then goes on with.

It spares a pull awscrt's import and its threads: 6 of 36 MiB for an image of 5 MB, whose time stayed
the same, most of it being the start of Python and of this package.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from msgspec.structs import replace

from s3lo.engine.sockets.dialer import Dialer
from s3lo.engine.sockets.http import NoConnection
from s3lo.engine.sockets.line import Line
from s3lo.errors import ServiceError
from s3lo.model.objects import Credentials, Endpoint, Request, Response

ANSWER_SECONDS = 4.0
"""How long the service may be silent before it is asked anew: one connection that stalls for ever cost
a pull 10 s. It may be slow, though: from the second silence on it is given twice as long each time."""
_MOST_PATIENT = 16
MOST_BYTES = 64 << 20
"""Of an answer: documents are kept in memory."""


class SocketWire:
    """A Wire for any thread, a connection for each that sends at one time. ``endpoint`` changes when a
    redirect names another region."""

    def __init__(
        self,
        endpoint: Endpoint,
        credentials: Callable[[], Credentials | None],
        interfaces: tuple[str, ...] = (),
    ) -> None:
        self.endpoint = endpoint
        self.credentials = credentials
        self._interfaces = interfaces
        self._silences = 0
        self._idle: deque[Line] = deque()
        self._dial_anew()

    def send(self, request: Request) -> Response:
        with self._line() as line:
            try:
                patience_seconds = max(self._patience_seconds, request.patience_seconds)
                head = line.ask(request, patience_seconds)
                return line.read_answer(head, MOST_BYTES, must_be_whole=True)
            except NoConnection as error:
                line.close()
                self._silences += 1
                what = f"s3://{self.endpoint.bucket}/{request.key}"
                raise ServiceError(f"no answer for {what}: {error}") from error

    @property
    def _patience_seconds(self) -> float:
        return ANSWER_SECONDS * min(1 << max(0, self._silences - 1), _MOST_PATIENT)

    def set_region(self, region: str) -> None:
        self.close()
        self.endpoint = replace(self.endpoint, region=region)
        self._dial_anew()

    def hand_over(self) -> Dialer:
        """What dials, the open connections first."""
        for line in _taken_from(self._idle):
            line.hang_up()
        return self.dialer

    def close(self) -> None:
        # Lines that are in use now are closed when they are not.
        idle, self._idle = self._idle, deque()
        for line in _taken_from(idle):
            line.close()
        self.dialer.close()

    @contextmanager
    def _line(self) -> Iterator[Line]:
        """A line that nobody else uses meanwhile."""
        idle = self._idle
        try:
            line = idle.pop()
        except IndexError:
            line = Line(self.endpoint, self.dialer, lambda: self.credentials())
        try:
            yield line
        finally:
            if idle is self._idle:
                idle.append(line)
            else:  # to another region's endpoint, or of no more use
                line.close()

    def _dial_anew(self) -> None:
        self.dialer = Dialer(self.endpoint, self._interfaces)
        self._idle = deque()


def _taken_from(idle: deque[Line]) -> Iterator[Line]:
    with suppress(IndexError):
        while True:
            yield idle.pop()
