"""Pool: the workers of one engine, in this process or (``worker_process``) in processes of their own.

Both kinds take jobs and put what became of them into the coordinator's inbox. A worker process
that dies is replaced a few times; its jobs come back to the coordinator as lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from s3lo.engine.backend import Backend
from s3lo.engine.carried import Carried, counted
from s3lo.engine.jobs import Job, Outcome
from s3lo.errors import WorkerDied
from s3lo.model.objects import Credentials

MAX_REPLACEMENTS = 3
"""How many worker processes may die before the engine takes it for more than bad luck."""


class Reported(Struct, frozen=True):
    """A worker's jobs that have an outcome."""

    worker: int
    outcomes: tuple[Outcome, ...]


class Lost(Struct, frozen=True):
    """A worker process ended on its own."""

    worker: int
    exit_status: int


Inbox = Callable[[Reported | Lost], None]


class Worker(Protocol):
    number: int

    def submit(self, jobs: Sequence[Job]) -> None: ...

    def cancel(self, ids: Sequence[int]) -> None: ...

    def renew(self, credentials: Credentials | None) -> None: ...

    def carried(self) -> Carried:
        """So far, of jobs that still run too, when it was last told."""

    def connections(self) -> int:
        """Over which anything has moved."""

    def cpu_seconds(self) -> float:
        """Of CPU time that it took, where it is another process."""

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

    def carried(self) -> Carried:
        return counted(self._backend.carried_bytes)

    def connections(self) -> int:
        return self._backend.connections()

    def cpu_seconds(self) -> float:
        return 0.0

    def kill(self) -> None:
        raise WorkerDied("the transfer hangs inside this process and cannot be ended")

    def close(self) -> int:
        if self._owns_backend:
            self._backend.close()
        return 0

    def _report(self, outcome: Outcome) -> None:
        self._inbox(Reported(0, (outcome,)))


class Pool:
    """The workers of one engine, by number. ``start`` makes the worker with a given number."""

    def __init__(self, start: Callable[[int], Worker], count: int) -> None:
        self._start = start
        self._workers = {number: start(number) for number in range(count)}
        self._next = count
        self._replacements_left = MAX_REPLACEMENTS
        self._bytes_of_the_gone = 0
        self._cpu_seconds_of_the_gone = 0.0

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
        self._bytes_of_the_gone += gone.carried().bytes_
        self._cpu_seconds_of_the_gone += gone.cpu_seconds()
        gone.close()

    def add(self) -> int:
        """Start one more worker; returns its number."""
        number = self._next
        self._workers[number] = self._start(number)
        self._next += 1
        return number

    def carried(self) -> Carried:
        """By all workers so far, of jobs that still run too. They tell it at moments of their own,
        whose mean is that of the sum, since all bring about the same."""
        told = [worker.carried() for worker in self._workers.values()]
        moment = sum(each.moment for each in told) / len(told)
        return Carried(moment, self._bytes_of_the_gone + sum(each.bytes_ for each in told))

    def connections(self) -> int:
        """Of all workers, over which anything has moved."""
        return sum(worker.connections() for worker in self._workers.values())

    def cpu_seconds(self) -> float:
        """That workers which are processes have taken so far."""
        now = sum(worker.cpu_seconds() for worker in self._workers.values())
        return self._cpu_seconds_of_the_gone + now

    def renew(self, credentials: Credentials | None) -> None:
        for worker in self._workers.values():
            worker.renew(credentials)

    def close(self) -> int:
        """End all workers; returns the sum of their peak resident bytes."""
        return sum(worker.close() for worker in self._workers.values())
