"""The socket backend: S3 on plain sockets, a thread and a connection for each job in flight.

It takes the place of awscrt's client: measured on 2 cores with 4 x 1 GiB received and verified, it
takes 0.45 of the wall time, and 1.7 CPU seconds per GB to 3.7. There each body comes as a Python
object of a whole part, made while holding the GIL, then written, then read back to be hashed; here it
passes through a small memory that stays in a core's caches (see ``range_receiver`` and ``range_sender``),
and what takes time (system calls, SHA-256) lets go of the GIL.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from resource import RLIMIT_NOFILE, getrlimit

from s3lo.engine.backend import Report, SocketConfig
from s3lo.engine.jobs import Done, Failed, Hashed, Job
from s3lo.engine.sockets.dialer import Dialer
from s3lo.engine.sockets.lane import LARGE_LANES, Lane
from s3lo.engine.sockets.pipe import most_pipes
from s3lo.engine.verifier import Verifier
from s3lo.errors import Interrupted
from s3lo.model.objects import Credentials

_Order = tuple[Job, Report]
_CLOSE_SECONDS = 2.0
"""For lanes to end; one that hangs in a system call is left to end by itself."""


class SocketBackend:
    """Lanes are added when one is asked for and all are busy."""

    def __init__(self, config: SocketConfig, dialer: Dialer | None = None) -> None:
        """``dialer``: one that has been dialing already."""
        self._endpoint = config.endpoint
        self._credentials = config.credentials
        self._is_direct = config.is_direct
        self._most_pipes = most_pipes(getrlimit(RLIMIT_NOFILE)[0])
        self._dialer = dialer or Dialer(config.endpoint, config.interfaces)
        self._verifier = Verifier(config.hash_threads, self._tell_hashed)
        self._report: Report | None = None
        self._queue: SimpleQueue[_Order | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._lanes: list[Lane] = []
        self._threads: list[threading.Thread] = []
        self._running: dict[int, Lane] = {}
        self._waiting: set[int] = set()

    def start(self, job: Job, report: Report) -> None:
        self._report = report
        with self._lock:
            self._waiting.add(job.id)
            if len(self._waiting) + len(self._running) > len(self._lanes):
                self._add_lane()
        self._queue.put((job, report))

    def cancel(self, job_id: int) -> None:
        with self._lock:
            self._waiting.discard(job_id)
            lane = self._running.get(job_id)
        if lane is not None:
            lane.cancel()

    def renew(self, credentials: Credentials | None) -> None:
        self._credentials = credentials

    def carried_bytes(self) -> int:
        """Carried by the network so far, of ranges that are under way too. Not less what waits to be
        received, which comes at once when there is time, nor what waits to be hashed: over many slow
        connections that is most of it, and once read as if nothing came at all."""
        return sum(lane.carried_bytes for lane in self._lanes)

    def connections(self) -> int:
        return sum(lane.has_moved for lane in self._lanes)

    def close(self) -> None:
        for _ in self._threads:
            self._queue.put(None)
        deadline = time.monotonic() + _CLOSE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._verifier.close()

    def _add_lane(self) -> None:
        lane = Lane(
            self._endpoint,
            self._dialer,
            lambda: self._credentials,
            self._verifier,
            is_large=len(self._lanes) < LARGE_LANES,
            has_pipe=len(self._lanes) < self._most_pipes,
            is_direct=self._is_direct,
        )
        self._lanes.append(lane)
        thread = threading.Thread(target=self._serve, args=(lane,), name="s3lo-lane", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, lane: Lane) -> None:
        while (order := self._queue.get()) is not None:
            job, report = order
            with self._lock:
                is_wanted = job.id in self._waiting
                self._waiting.discard(job.id)
                if is_wanted:
                    self._running[job.id] = lane
                    lane.begin()
            if not is_wanted:
                report(Failed(job.id, Interrupted(f"{job.key} was cancelled")))
                continue
            lane.carry_out(job, self._finisher(report))
        lane.close()

    def _finisher(self, report: Report) -> Callable[[Done | Failed], None]:
        """Counts the lane as free before the next job, which the report may bring, is started."""

        def finish(outcome: Done | Failed) -> None:
            with self._lock:
                del self._running[outcome.id]
            report(outcome)

        return finish

    def _tell_hashed(self, result: Hashed) -> None:
        assert self._report is not None
        self._report(result)
