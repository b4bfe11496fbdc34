"""Pool: the workers of one engine, in this process or in processes of their own.

Both kinds take jobs and put what became of them into the coordinator's inbox. A worker process
that dies is replaced a few times; its jobs come back to the coordinator as lost.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from s3lo.engine.backend import Backend, BackendConfig
from s3lo.engine.channel import (
    Bye,
    Cancel,
    Channel,
    Configure,
    Outcomes,
    Progress,
    Renew,
    Stop,
    Submit,
)
from s3lo.engine.jobs import Job, Outcome
from s3lo.errors import LocalError, WorkerDied
from s3lo.model.objects import Credentials

MAX_REPLACEMENTS = 3
"""How many worker processes may die before the engine takes it for more than bad luck."""
_STOP_SECONDS = 5.0
_BOOT = (
    "import sys; sys.path[:] = sys.argv[3:]; from s3lo.engine.worker import main;"
    " main(int(sys.argv[1]), int(sys.argv[2]))"
)
"""The worker sees exactly the modules that this process sees, however they came to be importable."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A worker's jobs that have an outcome."""

    worker: int
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker process ended on its own."""

    worker: int
    exit_status: int


Inbox = Callable[[Reported | Lost], None]


class Worker(Protocol):
    number: int

    def submit(self, jobs: Sequence[Job]) -> None: ...

    def cancel(self, ids: Sequence[int]) -> None: ...

    def renew(self, credentials: Credentials | None) -> None: ...

    def progress_bytes(self) -> int:
        """So far, of jobs that still run too."""

    def kill(self) -> None:
        """End it at once; it is reported as lost."""

    def close(self) -> int:
        """End it in good order; returns its peak resident bytes where it is another process."""


class InProcessWorker:
    """Serial mode: a backend of this very process."""

    def __init__(self, backend: Backend, inbox: Inbox, *, owns_backend: bool) -> None:
        self.number = 0
        self._backend = backend
        self._inbox = inbox
        self._owns_backend = owns_backend

    def submit(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._backend.start(job, self._report)

    def cancel(self, ids: Sequence[int]) -> None:
        for job_id in ids:
            self._backend.cancel(job_id)

    def renew(self, credentials: Credentials | None) -> None:
        self._backend.renew(credentials)

    def progress_bytes(self) -> int:
        return self._backend.progress_bytes()

    def kill(self) -> None:
        raise WorkerDied("the transfer hangs inside this process and cannot be ended")

    def close(self) -> int:
        if self._owns_backend:
            self._backend.close()
        return 0

    def _report(self, outcome: Outcome) -> None:
        self._inbox(Reported(0, (outcome,)))


class ProcessWorker:
    """A worker process, spawned fresh, at the other end of a socket pair."""

    def __init__(self, number: int, config: BackendConfig, inbox: Inbox) -> None:
        self.number = number
        self._inbox = inbox
        self._peak_rss_bytes = 0
        self._progress_bytes = 0
        self._is_closing = False
        ours, theirs = socket.socketpair()
        self._channel = Channel(ours)
        try:
            self._process = _spawn(theirs)
        finally:
            theirs.close()
        self._reader = threading.Thread(
            target=self._read, name=f"s3lo-worker-{number}", daemon=True
        )
        self._reader.start()
        self._tell(Configure(config))

    @property
    def pid(self) -> int:
        return self._process.pid

    def submit(self, jobs: Sequence[Job]) -> None:
        self._tell(Submit(tuple(jobs)))

    def cancel(self, ids: Sequence[int]) -> None:
        self._tell(Cancel(tuple(ids)))

    def renew(self, credentials: Credentials | None) -> None:
        self._tell(Renew(credentials))

    def progress_bytes(self) -> int:
        return self._progress_bytes

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> int:
        self._is_closing = True
        self._tell(Stop())
        self._reader.join(_STOP_SECONDS)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._channel.close()
        return self._peak_rss_bytes

    def _tell(self, message: object) -> None:
        # A worker that is gone is noticed by its reader, which reports it.
        with contextlib.suppress(OSError):
            self._channel.send(message)

    def _read(self) -> None:
        while (message := self._channel.receive()) is not None:
            match message:
                case Outcomes(outcomes):
                    self._inbox(Reported(self.number, outcomes))
                case Progress(count):
                    self._progress_bytes = count
                case Bye(peak_rss_bytes):
                    self._peak_rss_bytes = peak_rss_bytes
        if not self._is_closing:
            self._inbox(Lost(self.number, self._process.wait()))


class Pool:
    """The workers of one engine, by number. ``start`` makes the worker with a given number."""

    def __init__(self, start: Callable[[int], Worker], count: int) -> None:
        self._start = start
        self._workers = {number: start(number) for number in range(count)}
        self._next = count
        self._replacements_left = MAX_REPLACEMENTS
        self._progress_of_the_gone = 0

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(self._workers)

    def worker(self, number: int) -> Worker:
        return self._workers[number]

    def replace(self, number: int) -> int | None:
        """Take a dead worker out; the number of the one in its place, None when enough died."""
        self.remove(number)
        if self._replacements_left == 0:
            return None
        self._replacements_left -= 1
        return self.add()

    def remove(self, number: int) -> None:
        """Take a dead worker out."""
        gone = self._workers.pop(number)
        self._progress_of_the_gone += gone.progress_bytes()
        gone.close()

    def add(self) -> int:
        """Start one more worker; returns its number."""
        number = self._next
        self._workers[number] = self._start(number)
        self._next += 1
        return number

    def progress_bytes(self) -> int:
        """By all workers so far, of jobs that still run too."""
        now = sum(worker.progress_bytes() for worker in self._workers.values())
        return self._progress_of_the_gone + now

    def renew(self, credentials: Credentials | None) -> None:
        for worker in self._workers.values():
            worker.renew(credentials)

    def close(self) -> int:
        """End all workers; returns the sum of their peak resident bytes."""
        return sum(worker.close() for worker in self._workers.values())


def _spawn(theirs: socket.socket) -> subprocess.Popen[bytes]:
    """Start a worker. ``close_fds`` leaves it nothing of ours but its end of the socket pair.

    It starts with SIGINT and SIGTERM blocked and stays so: a terminal and a service manager send
    them to every process, and ending the transfer in order, aborts included, takes the workers.
    """
    fd = theirs.fileno()
    command = [sys.executable, "-c", _BOOT, str(fd), str(os.getpid()), *sys.path]
    ours = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        return subprocess.Popen(
            command,
            pass_fds=(fd,),
            stdin=subprocess.DEVNULL,
            stdout=2 if _has_stderr() else subprocess.DEVNULL,
        )
    except OSError as error:
        raise LocalError(
            f"cannot start a transfer process: {error.strerror}", hint="Try --processes 0."
        ) from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, ours)


def _has_stderr() -> bool:
    try:
        os.fstat(2)
    except OSError:
        return False
    return True
