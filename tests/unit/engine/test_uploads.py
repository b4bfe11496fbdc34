"""Uploads: the requests of an upload, in order, without anything that carries them out."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from s3lo.engine.jobs import (
    Abort,
    Begin,
    Done,
    Failed,
    Finish,
    Hashed,
    ListUploads,
    Put,
    PutPart,
)
from s3lo.engine.plan import TIB
from s3lo.engine.upload.feed import NoMore, Offered
from s3lo.engine.upload.uploads import Uploads
from s3lo.errors import (
    AccessDeniedError,
    LocalError,
    NotFoundError,
    RefusedError,
    ServiceError,
    UsageError,
)
from s3lo.model.s3_errors import InvalidStorageClass, Unsupported
from tests.unit.engine.uploading import (
    CLASS,
    PART,
    SETTINGS,
    TYPE,
    Position,
    Stored,
    begun,
    fails,
    fulfil,
    jobs_of,
    upload,
    uploads,
)


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


@pytest.mark.parametrize("size", [PART, 2 * PART])
def test_a_preference_that_was_refused_is_asked_for_no_more(size: int) -> None:
    """By none of the blobs, those included that were under way when it was."""
    blobs = [replace(upload(size + n), preferences=(CLASS,), headers=(TYPE,)) for n in (0, 1)]
    work = uploads(*blobs)
    asked = jobs_of(work)
    for job in asked:
        assert isinstance(job, Put | Begin)
        assert {CLASS, TYPE} <= set(job.headers)
        fails(work, job, InvalidStorageClass("no"))
    again = jobs_of(work)
    for job in again:
        assert isinstance(job, Put | Begin)
        assert TYPE in job.headers
        assert CLASS not in job.headers
    assert [job.key for job in again] == [job.key for job in asked]


@pytest.mark.parametrize("size", [PART, 2 * PART])
def test_a_header_that_was_demanded_and_refused_is_an_error(size: int) -> None:
    work = uploads(replace(upload(size), headers=(CLASS,)))
    [job] = jobs_of(work)
    with pytest.raises(InvalidStorageClass):
        fails(work, job, InvalidStorageClass("no"))


def test_checksums_that_were_refused_are_asked_for_no_more() -> None:
    work = uploads(upload(2 * PART))
    [begin] = jobs_of(work)
    assert isinstance(begin, Begin)
    assert begin.is_checked
    fails(work, begin, Unsupported("no"))
    [again] = jobs_of(work)
    assert isinstance(again, Begin)
    assert not again.is_checked
    with pytest.raises(Unsupported):
        fails(work, again, Unsupported("no"))


def test_conditions_that_were_refused_are_made_no_more() -> None:
    work = uploads(replace(upload(1), if_absent=True), replace(upload(2 * PART), if_absent=True))
    begin, put = jobs_of(work)
    assert isinstance(put, Put)
    assert put.if_absent
    fails(work, put, Unsupported("no"))
    [again] = jobs_of(work)
    assert isinstance(again, Put)
    assert not again.if_absent
    fulfil(work, [again, begin])
    fulfil(work, jobs_of(work))
    [finish] = jobs_of(work)
    assert isinstance(finish, Finish)
    assert not finish.if_absent


def test_a_put_that_lost_to_another_push_is_done_if_the_size_is_right() -> None:
    stored = Stored()
    work = uploads(replace(upload(7, stored), if_absent=True))
    [put] = jobs_of(work)
    fails(work, put, RefusedError("there"))
    [look] = jobs_of(work)
    work.done(look, Done(look.id, "7"))
    assert work.is_finished
    assert stored == [(0, 7)]


@pytest.mark.parametrize("size", [7, 2 * PART])
@pytest.mark.parametrize("found", ["", "3"], ids=["gone again", "damaged"])
def test_a_write_that_was_refused_is_made_once_more_where_the_blob_is_not_there(
    size: int, found: str
) -> None:
    """What is damaged is overwritten."""
    work = uploads(replace(upload(size), if_absent=True))
    jobs = jobs_of(work)
    while not isinstance(jobs[0], Put | Finish):
        fulfil(work, jobs)
        jobs = jobs_of(work)
    fails(work, jobs[0], RefusedError("there"))
    [look] = jobs_of(work)
    work.done(look, Done(look.id, found))
    [again] = jobs_of(work)
    assert isinstance(again, Put | Finish)
    assert again.if_absent is (found == "")
    with pytest.raises(RefusedError):
        fails(work, again, RefusedError("there"))


@pytest.mark.parametrize("is_aborted", [True, False])
def test_a_multipart_upload_that_lost_to_another_push_is_given_up(is_aborted: bool) -> None:
    stored = Stored()
    work = uploads(replace(upload(2 * PART, stored), if_absent=True))
    fulfil(work, begun(work))
    [finish] = jobs_of(work)
    fails(work, finish, RefusedError("there"))
    [look] = jobs_of(work)
    work.done(look, Done(look.id, str(2 * PART)))
    [abort] = jobs_of(work)
    assert isinstance(abort, Abort)
    assert not work.is_finished
    if is_aborted:
        work.done(abort, Done(abort.id))
    else:
        fails(work, abort, AccessDeniedError("no"))
    assert work.is_finished


def test_parts_of_an_upload_that_is_gone_are_no_failure_if_the_object_is_there() -> None:
    stored = Stored()
    work = uploads(upload(4 * PART, stored))
    first, second, third, fourth = begun(work)
    fulfil(work, [first])
    fails(work, second, NotFoundError("gone"))
    fails(work, fourth, NotFoundError("gone"))
    [look] = jobs_of(work)
    work.done(look, Done(look.id, str(4 * PART)))
    abort = jobs_of(work)
    fails(work, third, NotFoundError("gone"))
    fulfil(work, abort)
    assert work.is_finished
    assert sum(length for _, length in stored) == 4 * PART
    work.done(third, Done(third.id))
    work.hashed(Hashed(first.blob, "0" * 64))


def test_an_upload_that_is_gone_with_no_object_there_is_an_error() -> None:
    work = uploads(upload(2 * PART))
    first, _ = begun(work)
    fails(work, first, NotFoundError("gone"))
    [look] = jobs_of(work)
    with pytest.raises(NotFoundError, match="gone"):
        work.done(look, Done(look.id, ""))


def test_a_blob_of_one_request_is_proven_by_who_sends_it() -> None:
    unproven, proven = upload(1, is_verified=False), upload(2)
    [second, first] = jobs_of(uploads(unproven, proven, on_sockets=True))
    assert isinstance(first, Put)
    assert isinstance(second, Put)
    assert first.digest == unproven.digest
    assert second.digest is None
    assert not jobs_of(uploads(unproven))


def _parts_of(work: Uploads) -> list[PutPart]:
    fulfil(work, jobs_of(work))
    return [part for part in jobs_of(work) if isinstance(part, PutPart)]


def test_a_blob_of_many_parts_is_hashed_by_who_sends_them() -> None:
    blob = replace(upload(2 * PART, is_verified=False), offset=7)
    work = uploads(blob, on_sockets=True)
    parts = _parts_of(work)
    assert [(part.is_hashed, part.object_size) for part in parts] == [(True, 2 * PART)] * 2
    assert [part.file_offset - part.offset for part in parts] == [7, 7]
    fulfil(work, parts)
    assert not jobs_of(work)
    work.hashed(Hashed(0, blob.digest.hex))
    [finish] = jobs_of(work)
    assert isinstance(finish, Finish)
    assert not any(part.is_hashed for part in _parts_of(uploads(upload(2 * PART), on_sockets=True)))


def test_a_part_that_was_hashed_before_it_failed_is_only_sent_again() -> None:
    work = uploads(upload(2 * PART, is_verified=False), on_sockets=True)
    part = _parts_of(work)[0]
    broken = Failed(part.id, ServiceError("broken"), retryable=True)
    assert work.again(part, broken) == part
    assert work.again(part, replace(broken, was_hashed=True)) == replace(part, is_hashed=False)


def test_what_a_lost_worker_was_hashing_is_hashed_here() -> None:
    asked: list[tuple[int, int, int]] = []

    class Noting(Position):
        def arrived(self, blob: int, start: int, end: int) -> None:
            asked.append((blob, start, end))

    work = uploads(upload(2 * PART, is_verified=False), on_sockets=True, verifier=Noting())
    first, second = _parts_of(work)
    assert not asked
    work.homeless([0])
    work.homeless([0])
    assert asked == [(0, 0, 2 * PART)]
    assert work.again(first, None) == replace(first, is_hashed=False)
    assert work.again(second, None) == replace(second, is_hashed=False)


def test_no_more_blobs_begin_than_are_sent_at_once_while_those_have_parts() -> None:
    """A hundred layers once had a hundred requests made before the first part was sent."""
    at_once = SETTINGS.wanted_in_flight
    work = uploads(*(upload(2 * PART + 1 + number) for number in range(at_once + 3)))
    kinds = []
    for job in iter(work.next_job, None):
        if isinstance(job, Begin | PutPart):
            kinds.append(type(job))
        if isinstance(job, Begin | ListUploads):
            work.done(job, Done(job.id))
    first, rest = kinds[: 4 * at_once], kinds[4 * at_once :]
    assert first == at_once * [Begin] + 3 * at_once * [PutPart]
    assert rest[0] is Begin
    assert rest.count(Begin) == 3
