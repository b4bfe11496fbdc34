"""The coordinator, with a backend that does what a test says."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from queue import SimpleQueue

import pytest

from s3lo.engine.backend import Report
from s3lo.engine.carried import Carried
from s3lo.engine.coordinator import Coordinator, Message
from s3lo.engine.jobs import Abort, Done, Failed, Get, Hashed, Job
from s3lo.engine.machine import Machine
from s3lo.engine.options import EngineOptions
from s3lo.engine.plan import GIB
from s3lo.engine.pool import InProcessWorker, Lost, Pool, Reported
from s3lo.engine.settings import choose
from s3lo.engine.upload.feed import Fed
from s3lo.errors import ThrottledError
from s3lo.events import ignore
from s3lo.model.objects import Credentials

SLOW_SECONDS = 0.5


class Backend:
    """Refuses the first job once, and takes its time for all others."""

    def __init__(self) -> None:
        self._has_refused = False

    def start(self, job: Job, report: Report) -> None:
        if not self._has_refused:
            self._has_refused = True
            report(Failed(job.id, ThrottledError("slow down"), retryable=True, throttled=True))
            return
        threading.Timer(SLOW_SECONDS, report, [Done(job.id)]).start()

    def cancel(self, job_id: int) -> None: ...

    def renew(self, credentials: Credentials | None) -> None: ...

    def carried_bytes(self) -> int:
        return 0

    def connections(self) -> int:
        return 1 << 30

    def close(self) -> None: ...


class TwoJobs:
    """Two jobs of one byte each."""

    def __init__(self) -> None:
        self._jobs: list[Job] = [Get(n, n, "key", 0, 1, 1, "path") for n in (0, 1)]
        self._left = 2

    reused_bytes = 0

    @property
    def is_finished(self) -> bool:
        return self._left == 0

    def next_job(self, welcome_bytes: int = 0, interval_bytes: float = 0.0) -> Job | None:
        del welcome_bytes, interval_bytes
        return self._jobs.pop() if self._jobs else None

    def take_back(self, job: Job) -> bool:
        del job
        return False

    def done(self, job: Job, outcome: Done) -> None:
        del job, outcome
        self._left -= 1

    def failed(self, job: Job, failed: Failed) -> None:
        del job
        raise failed.error

    def hashed(self, result: Hashed) -> None: ...

    def fed(self, news: Fed) -> None: ...

    def again(self, job: Job, failed: Failed | None) -> Job:
        del failed
        return job

    def homeless(self, blobs: Sequence[int]) -> None: ...

    def abandon(self) -> list[Abort]:
        return []


@pytest.mark.parametrize("is_tuned", [True, False])
def test_a_part_that_is_due_again_while_the_window_is_full_makes_nobody_run_in_circles(
    is_tuned: bool,
) -> None:
    turns = 0

    def is_cancelled() -> bool:
        nonlocal turns
        turns += 1
        return False

    inbox: SimpleQueue[Message] = SimpleQueue()
    pool = Pool(lambda _: InProcessWorker(Backend(), inbox.put, owns_backend=True), 1)
    options, machine = EngineOptions(max_in_flight=1), Machine(2, 24 * GIB)
    settings = choose(options, machine, 2, on_sockets=is_tuned)
    coordinator = Coordinator(settings, pool, inbox, lambda: None, is_cancelled, ignore)
    coordinator.run(TwoJobs())
    assert coordinator.retries.retries == 1
    assert turns < 1000


class Mortal:
    """A worker: the first refuses its job and is gone, all others do theirs."""

    def __init__(self, number: int, inbox: SimpleQueue[Message]) -> None:
        self.number = number
        self._inbox = inbox

    def submit(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if self.number == 0:
                refused = Failed(job.id, ThrottledError("slow down"), retryable=True)
                self._inbox.put(Reported(0, (refused,)))
                self._inbox.put(Lost(0, 9))
            else:
                self._inbox.put(Reported(self.number, (Done(job.id),)))

    def cancel(self, ids: Sequence[int]) -> None: ...

    def renew(self, credentials: Credentials | None) -> None: ...

    def carried(self) -> Carried:
        return Carried(0.0)

    def connections(self) -> int:
        return 1 << 30

    def cpu_seconds(self) -> float:
        return 0.0

    def kill(self) -> None: ...

    def close(self) -> int:
        return 0


class OneHashedJob(TwoJobs):
    def __init__(self) -> None:
        super().__init__()
        self._jobs = [Get(0, 0, "key", 0, 1, 1, "path", is_hashed=True)]
        self._left = 1


def test_a_job_that_waits_while_its_blobs_worker_is_lost_goes_to_another() -> None:
    inbox: SimpleQueue[Message] = SimpleQueue()
    pool = Pool(lambda number: Mortal(number, inbox), 2)
    settings = choose(EngineOptions(), Machine(2, 24 * GIB), 2)
    coordinator = Coordinator(settings, pool, inbox, lambda: None, lambda: False, ignore)
    coordinator.run(OneHashedJob())
    assert coordinator.retries.retries == 1


class Refusing(Mortal):
    """A worker that refuses so many jobs, and does all others."""

    def __init__(self, refused: int, inbox: SimpleQueue[Message]) -> None:
        super().__init__(1, inbox)
        self._left = refused

    def submit(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._left -= 1
            error = ThrottledError("slow down")
            refused = Failed(job.id, error, retryable=True, throttled=True)
            self._inbox.put(Reported(1, (refused if self._left >= 0 else Done(job.id),)))


class Retakeable(TwoJobs):
    """Jobs that may come as others."""

    def __init__(self, count: int, length: int) -> None:
        super().__init__()
        self._jobs = [Get(n, n, "key", 0, length, GIB, "path") for n in range(count)]
        self._left = count
        self.taken_back = 0
        self.most_interval_bytes = 0.0

    def next_job(self, welcome_bytes: int = 0, interval_bytes: float = 0.0) -> Job | None:
        self.most_interval_bytes = max(self.most_interval_bytes, interval_bytes)
        return super().next_job(welcome_bytes)

    def take_back(self, job: Job) -> bool:
        self._jobs.append(job)
        self.taken_back += 1
        return True


@pytest.mark.parametrize("is_large", [True, False])
def test_what_was_refused_while_the_service_throttles_is_taken_back(
    is_large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3lo.engine.pace.LEAST_PER_SECOND", 50.0)
    inbox: SimpleQueue[Message] = SimpleQueue()
    pool = Pool(lambda _: Refusing(30, inbox), 1)
    settings = choose(EngineOptions(), Machine(2, 24 * GIB), 2 * GIB)
    coordinator = Coordinator(settings, pool, inbox, lambda: None, lambda: False, ignore)
    work = Retakeable(60, settings.part_size_bytes if is_large else 1)
    coordinator.run(work)
    assert work.taken_back > 0
    assert (work.most_interval_bytes > 0) is is_large, "a small one says nothing of a connection"


def test_a_service_that_lets_nothing_through_is_given_up_whatever_is_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("s3lo.engine.coordinator.THROTTLED_SECONDS", 0.5)
    monkeypatch.setattr("s3lo.engine.pace.LEAST_PER_SECOND", 100.0)
    monkeypatch.setattr("s3lo.backoff.BASE_SECONDS", 0.001)
    inbox: SimpleQueue[Message] = SimpleQueue()
    pool = Pool(lambda _: Refusing(10**6, inbox), 1)
    settings = choose(EngineOptions(), Machine(2, 24 * GIB), 2 * GIB)
    coordinator = Coordinator(settings, pool, inbox, lambda: None, lambda: False, ignore)
    with pytest.raises(ThrottledError):
        coordinator.run(Retakeable(60, 1))
