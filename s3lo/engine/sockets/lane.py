"""Lane: a connection, a small memory, and what carries out a job with them, whichever way it goes.

The memory is small enough to stay in a core's caches on the way of its bytes.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable

from s3lo.engine.jobs import Done, Failed, Get, Job
from s3lo.engine.sockets.dialer import Dialer
from s3lo.engine.sockets.line import Line
from s3lo.engine.sockets.pipe import Pipe
from s3lo.engine.sockets.range_receiver import RangeReceiver
from s3lo.engine.sockets.range_sender import RangeSender
from s3lo.engine.verifier import Verifier
from s3lo.model.objects import Credentials, Endpoint

_STEP_BYTES = 256 << 10
_LARGE_STEP_BYTES = 1 << 20
"""Where few connections are quick, fewer steps hand over the interpreter less often: with larger writes
4 x 1 GiB took 0.90 and 0.94 of the time, over TLS too. Of many slow ones they would only be memory."""
LARGE_LANES = 16
"""So many of a process take large ones: 12 MiB beside what is reckoned for each part in flight."""


class Lane:
    """For one thread; any other may ``cancel`` what it does."""

    def __init__(
        self,
        endpoint: Endpoint,
        dialer: Dialer,
        credentials: Callable[[], Credentials | None],
        verifier: Verifier,
        *,
        is_large: bool = False,
        has_pipe: bool = False,
        is_direct: bool = False,
    ) -> None:
        """``is_large``: it takes large steps; ``has_pipe``: what it receives may go into files by a pipe;
        ``is_direct``: it is written past the page cache."""
        self._line = Line(endpoint, dialer, credentials)
        # On a page of its own, as direct writes ask for.
        memory = memoryview(mmap.mmap(-1, _LARGE_STEP_BYTES if is_large else _STEP_BYTES))
        self._pipe = Pipe() if has_pipe and not is_direct else None
        self._receiver = RangeReceiver(
            self._line, memory, verifier, self._pipe, is_direct=is_direct
        )
        self._sender = RangeSender(self._line, memory, verifier)

    @property
    def has_moved(self) -> bool:
        return self._line.has_moved

    @property
    def carried_bytes(self) -> int:
        return self._line.carried_bytes

    def begin(self) -> None:
        """A job is its own from now on, to be cancelled."""
        self._line.is_cancelled = False

    def carry_out(self, job: Job, report: Callable[[Done | Failed], None]) -> None:
        """Do it, and report what became of it before a digest can be told that it is part of."""
        if isinstance(job, Get):
            self._receiver.carry_out(job, report)
        else:
            self._sender.carry_out(job, report)

    def cancel(self) -> None:
        self._line.cancel()

    def close(self) -> None:
        self._line.close()
        if self._pipe:
            self._pipe.close()
