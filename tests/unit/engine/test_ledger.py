"""The ledger: who has what in flight, and what waits."""

from __future__ import annotations

from s3lo.engine.jobs import Get
from s3lo.engine.ledger import Ledger, RetryQueue


def job(number: int, length: int = 10) -> Get:
    return Get(number, 0, "key", 0, length, length, "/file")


def test_the_least_loaded_worker_is_next() -> None:
    ledger = Ledger([0, 1])
    ledger.start(job(1), 0, 0.0)
    assert ledger.least_loaded() == 1
    ledger.start(job(2), 1, 0.0)
    ledger.start(job(3), 1, 0.0)
    assert ledger.least_loaded() == 0
    assert (len(ledger), ledger.in_flight_bytes, ledger.peak) == (3, 30, 3)


def test_a_lost_worker_gives_back_what_it_had() -> None:
    ledger = Ledger([0, 1])
    for number in range(4):
        ledger.start(job(number), number % 2, 0.0)
    lost = ledger.remove_worker(0)
    assert {flight.job.id for flight in lost} == {0, 2}
    assert len(ledger) == 2
    assert ledger.in_flight_bytes == 20
    assert ledger.least_loaded() == 1


def test_an_outcome_of_a_job_that_is_no_longer_known_is_nothing() -> None:
    ledger = Ledger([0])
    ledger.start(job(1), 0, 0.0)
    assert ledger.land(1) is not None
    assert ledger.land(1) is None
    assert ledger.in_flight_bytes == 0


def test_retries_come_when_they_are_due_and_not_before() -> None:
    waiting = RetryQueue()
    waiting.add(job(1), 20.0)
    waiting.add(job(2), 10.0)
    assert waiting.due(9.0) is None
    assert waiting.seconds_until_due(9.0, 5.0) == 1.0
    first = waiting.due(11.0)
    assert first is not None
    assert first.id == 2
    assert waiting.due(11.0) is None
    assert waiting.retries == 2


def test_failures_are_counted_a_job_and_forgotten_when_it_is_done() -> None:
    waiting = RetryQueue()
    assert [waiting.failed(1), waiting.failed(1), waiting.failed(2)] == [1, 2, 1]
    waiting.forget(1)
    assert waiting.failed(1) == 1


def test_a_job_that_broke_is_not_one_that_was_only_refused() -> None:
    waiting = RetryQueue()
    for refused in (True, False, True):
        waiting.failed(1, refused=refused)
        waiting.failed(2, refused=True)
    assert not waiting.was_only_refused(1)
    assert waiting.was_only_refused(2)
    waiting.forget(1)
    assert waiting.was_only_refused(1)
