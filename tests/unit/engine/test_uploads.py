"""Uploads: the requests of an upload, in order, without anything that carries them out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from s3lo.engine import plan
from s3lo.engine.feed import NoMore, Offered
from s3lo.engine.jobs import Begin, Done, Finish, Hashed, Job, Put, PutPart
from s3lo.engine.machine import Machine
from s3lo.engine.options import EngineOptions
from s3lo.engine.plan import GIB, MIB, TIB
from s3lo.engine.settings import choose
from s3lo.engine.transfers import Upload
from s3lo.engine.uploads import Uploads
from s3lo.engine.verifier import Verifier
from s3lo.errors import LocalError, UsageError
from s3lo.events import ignore
from s3lo.model.digest import Digest

PART = 5 * MIB
SETTINGS = choose(EngineOptions(part_size_bytes=PART), Machine(2, 24 * GIB), GIB, receives=False)


class Position(Verifier):
    """A verifier that has hashed as far as a test says."""

    def __init__(self) -> None:
        super().__init__(1, lambda _: None)
        self.bytes = 0

    def add(self, blob: int, path: str, size: int, offset: int = 0) -> None: ...

    def position(self, blob: int) -> int:
        del blob
        return self.bytes


class Stored(list[plan.Stretch]):
    """What an upload was told to be stored: offsets and lengths."""

    def __call__(self, offset: int, length: int) -> None:
        self.append((offset, length))


def upload(size: int, stored: Stored | None = None, *, is_verified: bool = True) -> Upload:
    digest = Digest.of(str(size).encode())
    return Upload(
        digest,
        size,
        f"key-{size}",
        Path("file"),
        is_verified=is_verified,
        stored=Stored() if stored is None else stored,
    )


def uploads(*blobs: Upload, more_come: bool = False, verifier: Verifier | None = None) -> Uploads:
    return Uploads(blobs, SETTINGS, verifier or Position(), ignore, more_come=more_come)


def jobs_of(work: Uploads) -> list[Job]:
    """All that may start now."""
    return list(iter(work.next_job, None))


def fulfil(work: Uploads, jobs: Iterable[Job]) -> None:
    for job in jobs:
        work.done(job, Done(job.id, "id or etag"))


def test_uploads_that_come_later_begin_when_they_come_and_end_it_when_no_more_do() -> None:
    work = uploads(more_come=True)
    assert work.next_job() is None
    assert not work.is_finished
    work.fed(Offered(upload(1)))
    [put] = jobs_of(work)
    assert isinstance(put, Put)
    fulfil(work, [put])
    assert not work.is_finished
    work.fed(Offered(upload(2)))
    work.fed(NoMore())
    assert not work.is_finished
    fulfil(work, jobs_of(work))
    assert work.is_finished


def test_of_uploads_that_wait_the_largest_goes_first() -> None:
    work = uploads(upload(1), upload(3), more_come=True)
    work.fed(Offered(upload(2)))
    assert [job.key for job in jobs_of(work)] == ["key-3", "key-2", "key-1"]


def test_what_is_raised_where_the_next_upload_is_made_ends_all() -> None:
    work = uploads(upload(2 * PART), more_come=True)
    [begin] = jobs_of(work)
    fulfil(work, [begin])
    with pytest.raises(LocalError, match="no layer"):
        work.fed(NoMore(LocalError("no layer")))
    assert [job.upload_id for job in work.abandon()] == ["id or etag"]


def test_an_upload_larger_than_an_object_can_be_is_refused_whenever_it_comes() -> None:
    with pytest.raises(UsageError):
        uploads(upload(5 * TIB + 1))
    with pytest.raises(UsageError):
        uploads(more_come=True).fed(Offered(upload(5 * TIB + 1)))


def test_a_single_put_is_told_as_stored_once_it_is_done() -> None:
    stored = Stored()
    work = uploads(upload(PART, stored))
    [put] = jobs_of(work)
    assert not stored
    fulfil(work, [put])
    assert stored == [(0, PART)]


def test_parts_of_a_proven_blob_are_told_as_stored_when_each_is() -> None:
    stored = Stored()
    work = uploads(upload(2 * PART + 1, stored))
    fulfil(work, jobs_of(work))
    first, second, last = jobs_of(work)
    fulfil(work, [last])
    fulfil(work, [first])
    assert stored == [(2 * PART, 1), (0, PART)]
    fulfil(work, [second])
    assert stored[-1] == (PART, PART)


def test_parts_are_told_as_stored_when_they_are_hashed_as_well() -> None:
    stored, verifier = Stored(), Position()
    blob = upload(3 * PART, stored, is_verified=False)
    work = uploads(blob, verifier=verifier)
    fulfil(work, jobs_of(work))
    first, second, last = jobs_of(work)
    fulfil(work, [first])
    assert stored == []
    verifier.bytes = 2 * PART - 1
    fulfil(work, [last])
    assert stored == [(0, PART)]
    verifier.bytes = 2 * PART
    fulfil(work, [second])
    assert stored == [(0, PART), (PART, PART)]
    work.hashed(Hashed(first.blob, blob.digest.hex))
    assert stored == [(0, PART), (PART, PART), (2 * PART, PART)]
    [finish] = jobs_of(work)
    assert isinstance(finish, Finish)


def test_a_multipart_upload_goes_through_its_requests_in_order() -> None:
    work = uploads(upload(2 * PART))
    [begin] = jobs_of(work)
    assert isinstance(begin, Begin)
    fulfil(work, [begin])
    parts = jobs_of(work)
    assert [job.number for job in parts if isinstance(job, PutPart)] == [1, 2]
    fulfil(work, reversed(parts))
    [finish] = jobs_of(work)
    assert isinstance(finish, Finish)
    assert [part.number for part in finish.parts] == [1, 2]
    fulfil(work, [finish])
    assert work.is_finished
    assert not work.abandon()
