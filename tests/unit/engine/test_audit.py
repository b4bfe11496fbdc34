"""Audit: what is asked for when, and what becomes of blobs that are lost, replaced or damaged."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from s3lo.engine.audit import AHEAD_BYTES, LAST_PART_BYTES, MOST_FAILURES, Audit
from s3lo.engine.jobs import Done, Failed, Get, Hashed
from s3lo.engine.machine import Machine
from s3lo.engine.options import EngineOptions
from s3lo.engine.plan import GIB, MIB
from s3lo.engine.settings import choose
from s3lo.engine.transfers import Stored
from s3lo.errors import AccessDeniedError, DigestMismatch, ServiceError
from s3lo.events import BytesMoved, Event
from s3lo.model.digest import Digest

DENIED = AccessDeniedError("no")
SILENT = ServiceError("no answer")


class Made:
    """An audit, what it told, and what it says has moved."""

    def __init__(self, sizes: Iterable[int], *, reads_ahead: bool = True) -> None:
        self.blobs = [Stored(Digest.of(str(n).encode()), n, f"key-{n}") for n in sizes]
        self.told: list[tuple[int, str]] = []
        self.moved_bytes = 0
        self.audit = Audit(
            self.blobs,
            choose(EngineOptions(), Machine(2, 24 * GIB), GIB),
            lambda blob, error: self.told.append((blob.size, error.code)),
            self._observe,
            reads_ahead=reads_ahead,
            on_sockets=True,
        )

    def _observe(self, event: Event) -> None:
        if isinstance(event, BytesMoved):
            self.moved_bytes += event.bytes_

    def next(self) -> Get:
        job = self.audit.next_job()
        assert isinstance(job, Get)
        assert job.is_hashed
        assert not job.path
        return job

    def all(self) -> list[Get]:
        jobs = []
        while (job := self.audit.next_job()) is not None:
            assert isinstance(job, Get)
            jobs.append(job)
        return jobs

    def done(self, job: Get, etag: str = "") -> None:
        self.audit.done(job, Done(job.id, etag))

    def failed(self, job: Get, error: ServiceError | AccessDeniedError) -> None:
        self.audit.failed(job, Failed(job.id, error))

    def hashed(self, job: Get, content: bytes | None = None) -> None:
        wanted = str(job.object_size).encode()
        hex_ = Digest.of(wanted if content is None else content).hex
        self.audit.hashed(Hashed(job.blob, hex_))


def test_each_blob_has_one_part_under_way_while_others_are_waiting() -> None:
    made = Made([20 * MIB, 30 * MIB, 1 * MIB])
    first, second = made.next(), made.next()
    assert (first.key, first.offset, second.key) == (made.blobs[0].key, 0, made.blobs[1].key)
    made.done(first, "etag")
    again = made.next()
    assert (again.blob, again.offset, again.etag) == (first.blob, first.length, "etag")


def test_the_last_blobs_are_read_ahead_as_far_as_memory_goes() -> None:
    made = Made([GIB])
    jobs = made.all()
    ahead_bytes = jobs[-1].offset + jobs[-1].length
    assert AHEAD_BYTES - LAST_PART_BYTES < ahead_bytes <= AHEAD_BYTES
    assert [job.offset for job in jobs[1:]] == [job.offset + job.length for job in jobs[:-1]]
    for job in jobs[1:]:
        made.done(job)
    assert made.all() == []  # all of them are kept: the first is what everything waits for
    made.done(jobs[0])
    assert sum(job.length for job in made.all()) == AHEAD_BYTES
    assert len(Made([GIB], reads_ahead=False).all()) == 1


def test_a_mismatch_is_read_again_and_told_when_it_is_one_again() -> None:
    made = Made([100])
    made.hashed(made.next(), b"on the way here")
    assert made.told == []
    job = made.next()
    made.done(job)
    made.hashed(job, b"in the store")
    assert made.told == [(100, DigestMismatch.code)]
    assert made.audit.is_finished
    assert made.moved_bytes == 100


def test_outcomes_that_come_after_the_digest_are_of_no_more_use() -> None:
    made = Made([100])
    job = made.next()
    made.hashed(job)
    assert made.audit.is_finished
    made.done(job)
    assert made.audit.again(job, None) is None
    assert (made.told, made.moved_bytes) == ([], 100)


def test_a_blob_whose_worker_was_lost_is_begun_anew() -> None:
    made = Made([20 * MIB], reads_ahead=False)
    first = made.next()
    made.done(first)
    second = made.next()
    made.audit.homeless([first.blob])
    assert made.audit.again(second, None) is None
    assert made.moved_bytes == 0
    anew = made.next()
    assert anew.offset == 0
    assert anew.blob != first.blob
    made.hashed(anew)
    assert made.audit.is_finished


def test_a_blob_that_is_replaced_meanwhile_is_begun_anew_a_few_times() -> None:
    made = Made([20 * MIB])
    for _ in range(3):
        assert made.told == []
        job = made.next()
        replaced = Failed(job.id, SILENT, retryable=True, replaced=True)
        assert made.audit.again(job, replaced) is None
    assert made.told == [(20 * MIB, "service")]
    assert made.audit.is_finished


def test_a_blob_that_cannot_be_read_says_nothing_of_the_others() -> None:
    made = Made([*range(1, 3 * MOST_FAILURES)])
    jobs = made.all()
    for job in jobs[: 2 * MOST_FAILURES]:
        made.failed(job, DENIED)
    for job in jobs[2 * MOST_FAILURES :]:
        made.hashed(job)
    assert made.told == [(size, "denied") for size in range(1, 2 * MOST_FAILURES + 1)]
    assert made.audit.is_finished


def test_a_service_that_serves_none_ends_the_audit() -> None:
    made = Made(range(1, 3 * MOST_FAILURES))
    jobs = made.all()
    for job in jobs[:MOST_FAILURES]:
        made.failed(job, SILENT)
    with pytest.raises(ServiceError):
        made.failed(jobs[MOST_FAILURES], SILENT)
