"""Ledger: which job is with which worker since when, and which wait to be tried again."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from msgspec import Struct

from s3lo.engine.jobs import Job


class Flight(Struct):
    """A job in flight. ``is_given_up``: it was cancelled for hanging and may be tried again."""

    job: Job
    worker: int
    started_at: float
    is_given_up: bool = False


class Ledger:
    """Jobs in flight, and how many there were at most."""

    def __init__(self, workers: Iterable[int]) -> None:
        self._flights: dict[int, Flight] = {}
        self._load = dict.fromkeys(workers, 0)
        self.in_flight_bytes = 0
        self.peak = 0

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, job_id: int) -> bool:
        return job_id in self._flights

    def add_worker(self, number: int) -> None:
        self._load[number] = 0

    def remove_worker(self, number: int) -> list[Flight]:
        """Take a lost worker out; returns what it had in flight."""
        lost = [flight for flight in self._flights.values() if flight.worker == number]
        for flight in lost:
            self.land(flight.job.id)
        del self._load[number]
        return lost

    def least_loaded(self) -> int:
        """The worker with the fewest jobs in flight."""
        return min(self._load, key=lambda number: (self._load[number], number))

    def start(self, job: Job, worker: int, now: float) -> None:
        self._flights[job.id] = Flight(job, worker, now)
        self._load[worker] += 1
        self.in_flight_bytes += job.length
        self.peak = max(self.peak, len(self._flights))

    def land(self, job_id: int) -> Flight | None:
        """A job came to an end; None for one that is not known (any more)."""
        flight = self._flights.pop(job_id, None)
        if flight is not None:
            self._load[flight.worker] -= 1
            self.in_flight_bytes -= flight.job.length
        return flight

    def older_than(self, moment: float) -> list[Flight]:
        """Flights that started before ``moment``."""
        return [flight for flight in self._flights.values() if flight.started_at < moment]

    def flights(self) -> list[Flight]:
        return list(self._flights.values())


class RetryQueue:
    """Jobs that failed and wait for their moment, with how often each has failed."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Job]] = []
        self._failures: dict[int, int] = {}
        self._broken: set[int] = set()
        """Of which at least one failure was more than a refusal."""
        self.retries = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def clear(self) -> None:
        """Nothing is to be tried again."""
        self._waiting.clear()

    def failed(self, job_id: int, *, refused: bool = False) -> int:
        """Count one more failure; returns how many there are now."""
        self._failures[job_id] = self._failures.get(job_id, 0) + 1
        if not refused:
            self._broken.add(job_id)
        return self._failures[job_id]

    def was_only_refused(self, job_id: int) -> bool:
        return job_id not in self._broken

    def forget(self, job_id: int) -> None:
        self._failures.pop(job_id, None)
        self._broken.discard(job_id)

    def add(self, job: Job, due_at: float) -> None:
        self.retries += 1
        heapq.heappush(self._waiting, (due_at, job.id, job))

    def due(self, now: float) -> Job | None:
        """A job whose moment has come."""
        if self._waiting and self._waiting[0][0] <= now:
            return heapq.heappop(self._waiting)[2]
        return None

    def seconds_until_due(self, now: float, at_most: float) -> float:
        if not self._waiting:
            return at_most
        return min(at_most, max(0.0, self._waiting[0][0] - now))
