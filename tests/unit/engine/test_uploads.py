"""Uploads: the requests of an upload, in order, without anything that carries them out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from s3lo.engine import plan
from s3lo.engine.jobs import (
    Abort,
    Begin,
    Done,
    Failed,
    Finish,
    Hashed,
    Job,
    ListParts,
    ListUploads,
    Put,
    PutPart,
)
from s3lo.engine.machine import Machine
from s3lo.engine.options import EngineOptions
from s3lo.engine.plan import GIB, MIB, TIB
from s3lo.engine.settings import choose
from s3lo.engine.transfers import Upload
from s3lo.engine.upload.feed import NoMore, Offered
from s3lo.engine.upload.uploads import Uploads
from s3lo.engine.verifier import Verifier
from s3lo.errors import (
    AccessDeniedError,
    LocalError,
    NotFoundError,
    RefusedError,
    S3loError,
    ServiceError,
    UsageError,
)
from s3lo.events import BytesMoved, Event, Note, Observer, ignore
from s3lo.model.digest import Digest
from s3lo.model.multipart import OpenUpload, StoredPart
from s3lo.model.s3_errors import InvalidPart, InvalidStorageClass, Unsupported

PART = 5 * MIB
CLASS = ("x-amz-storage-class", "INTELLIGENT_TIERING")
TYPE = ("content-type", "application/octet-stream")
SETTINGS = choose(EngineOptions(part_size_bytes=PART), Machine(2, 24 * GIB), GIB, on_sockets=False)


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


def uploads(
    *blobs: Upload,
    more_come: bool = False,
    verifier: Verifier | None = None,
    on_sockets: bool = False,
) -> Uploads:
    return Uploads(
        blobs,
        SETTINGS,
        verifier or Position(),
        ignore,
        on_sockets=on_sockets,
        more_come=more_come,
        resumes=False,
    )


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


def fails(work: Uploads, job: Job, error: S3loError) -> None:
    work.failed(job, Failed(job.id, error))


def begun(work: Uploads) -> list[Job]:
    """The parts of a multipart upload, once it has begun."""
    fulfil(work, jobs_of(work))
    return jobs_of(work)


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


OPEN = OpenUpload("left", "2026-01-02T03:04:05Z")
SIZE = 3 * PART + 1
"""Of a blob that takes four parts."""


def resuming(
    *found: OpenUpload, blob: Upload | None = None, observer: Observer = ignore
) -> tuple[Uploads, list[Job]]:
    """An upload for which these were found, and what it does then."""
    work = Uploads([blob or upload(SIZE)], SETTINGS, Position(), observer, on_sockets=False)
    [search] = jobs_of(work)
    assert isinstance(search, ListUploads)
    work.done(search, Done(search.id, found=found))
    return work, jobs_of(work)


def there(*numbers: int, size: int = PART) -> tuple[StoredPart, ...]:
    return tuple(StoredPart(number, f"etag-{number}", "sum", size) for number in numbers)


def listed(work: Uploads, job: Job, *parts: StoredPart, after: str = "") -> list[Job]:
    assert isinstance(job, ListParts)
    work.done(job, Done(job.id, after, found=parts))
    return jobs_of(work)


def test_a_blob_of_one_part_looks_for_no_earlier_upload() -> None:
    [job] = jobs_of(Uploads([upload(PART)], SETTINGS, Position(), ignore, on_sockets=False))
    assert isinstance(job, Put)


def test_without_an_earlier_upload_one_is_begun() -> None:
    _, [job] = resuming()
    assert isinstance(job, Begin)


def test_parts_of_an_earlier_upload_are_sent_only_where_they_do_not_prove_right() -> None:
    notes: list[Event] = []
    work, [job] = resuming(OPEN, observer=notes.append)
    parts = listed(work, job, *there(1, 3), *there(4, size=1))
    assert [(job.upload_id, job.number) for job in parts if isinstance(job, PutPart)] == [
        ("left", number) for number in (1, 2, 3, 4)
    ]
    offered = [job.there for job in parts if isinstance(job, PutPart)]
    assert offered == [*there(1), None, *there(3), *there(4, size=1)]
    first, second, third, last = parts
    work.done(first, Done(first.id, "etag-1", "sum", was_there=True))
    work.done(last, Done(last.id, "etag-4", "sum", was_there=True))
    work.done(third, Done(third.id, "new"))
    work.done(second, Done(second.id, "new"))
    assert work.reused_bytes == PART + 1
    [note] = [event for event in notes if isinstance(event, Note)]
    assert (note.text, note.level) == ("2 parts (5.2 MB) of an interrupted push: used again", 0)
    [finish] = jobs_of(work)
    assert isinstance(finish, Finish)
    assert [part.etag for part in finish.parts] == ["etag-1", "new", "new", "etag-4"]


def test_the_newest_earlier_upload_of_our_part_size_is_gone_on_with() -> None:
    older = OpenUpload("older", "2026-01-01T03:04:05Z")
    work, [job] = resuming(OPEN, older, OpenUpload("newest", "2026-01-03T03:04:05Z"))
    assert isinstance(job, ListParts)
    assert job.upload_id == "newest"
    [job] = listed(work, job, *there(1, 2, size=PART + 1))
    assert isinstance(job, ListParts)
    assert job.upload_id == "left"
    parts = listed(work, job, *there(1))
    assert {job.upload_id for job in parts if isinstance(job, PutPart)} == {"left"}


def test_a_long_list_of_parts_is_read_to_its_end() -> None:
    work, [job] = resuming(OPEN)
    [job] = listed(work, job, *there(1), after="1")
    assert isinstance(job, ListParts)
    assert job.after == 1
    parts = listed(work, job, *there(2))
    assert [job.there is not None for job in parts if isinstance(job, PutPart)] == [
        *(True, True),
        *(False, False),
    ]


@pytest.mark.parametrize(
    "left",
    [
        replace(OPEN, checksum="SHA256"),
        replace(OPEN, storage_class="GLACIER_IR"),
    ],
    ids=["checksum", "class"],
)
def test_an_upload_that_was_begun_otherwise_is_passed_over(left: OpenUpload) -> None:
    _, [job] = resuming(left)
    assert isinstance(job, Begin)


def test_an_upload_that_is_to_be_encrypted_is_begun_anew() -> None:
    """No list tells how one that is open will be."""
    encrypted = (("x-amz-server-side-encryption", "aws:kms"),)
    work = Uploads(
        [replace(upload(SIZE), headers=encrypted)], SETTINGS, Position(), ignore, on_sockets=False
    )
    [job] = jobs_of(work)
    assert isinstance(job, Begin)


@pytest.mark.parametrize("error", [AccessDeniedError("no"), Unsupported("no")])
def test_where_uploads_cannot_be_listed_one_is_begun(error: S3loError) -> None:
    work = Uploads([upload(SIZE), upload(SIZE - 1)], SETTINGS, Position(), ignore, on_sockets=False)
    for search in jobs_of(work):
        fails(work, search, error)
    assert all(isinstance(job, Begin) for job in jobs_of(work))
    work.fed(Offered(upload(SIZE)))
    [job] = jobs_of(work)
    assert isinstance(job, Begin), "asked no more"


def test_an_earlier_upload_that_ends_while_it_is_looked_at_is_passed_over() -> None:
    work, [job] = resuming(OPEN)
    fails(work, job, NotFoundError("gone"))
    [job] = jobs_of(work)
    assert isinstance(job, Begin)


@pytest.mark.parametrize("error", [NotFoundError("gone"), Unsupported("no"), ServiceError("?")])
def test_an_upload_that_cannot_be_gone_on_with_is_begun_anew_once(error: S3loError) -> None:
    seen: list[Event] = []
    stored = Stored()
    work, [job] = resuming(OPEN, blob=upload(SIZE, stored), observer=seen.append)
    first, second, third, last = listed(work, job, *there(1))
    work.done(first, Done(first.id, "etag-1", was_there=True))
    fails(work, second, error)
    fails(work, third, error)
    if isinstance(error, NotFoundError):
        [look] = jobs_of(work)
        work.done(look, Done(look.id, ""))
    [begin] = jobs_of(work)
    assert isinstance(begin, Begin)
    assert work.reused_bytes == 0
    work.done(begin, Done(begin.id, "new"))
    work.done(last, Done(last.id, "too late"))
    parts = jobs_of(work)
    assert [job.upload_id for job in parts if isinstance(job, PutPart)] == ["new"] * 4
    assert stored == [], "nothing may be taken away of what could be sent again"
    fulfil(work, parts)
    fulfil(work, jobs_of(work))
    assert work.is_finished
    assert sum(e.bytes_ for e in seen if isinstance(e, BytesMoved)) == SIZE
    assert sum(length for _, length in stored) == SIZE


def test_two_pushes_that_go_on_with_one_upload_both_succeed() -> None:
    work, [job] = resuming(OPEN)
    parts = listed(work, job, *there(1, 2, 3), *there(4, size=1))
    for part in parts:
        work.done(part, Done(part.id, "etag", was_there=True))
    [finish] = jobs_of(work)
    fails(work, finish, NotFoundError("the other has finished it"))
    [look] = jobs_of(work)
    work.done(look, Done(look.id, str(SIZE)))
    [abort] = jobs_of(work)
    fails(work, abort, NotFoundError("gone"))
    assert work.is_finished


def test_an_upload_that_this_push_has_not_begun_is_not_aborted_by_it() -> None:
    work, [job] = resuming(OPEN)
    listed(work, job, *there(1))
    assert work.abandon() == []


def test_an_upload_that_is_begun_anew_is_hashed_anew() -> None:
    """Some of its parts were hashed by who sent them, and some were not."""
    asked: list[tuple[int, int, int]] = []

    class Noting(Position):
        def arrived(self, blob: int, start: int, end: int) -> None:
            asked.append((blob, start, end))

    blob = upload(SIZE, is_verified=False)
    work = Uploads([blob], SETTINGS, Noting(), ignore, on_sockets=True)
    [search] = jobs_of(work)
    work.done(search, Done(search.id, found=(OPEN,)))
    [job] = jobs_of(work)
    first, second, *_ = listed(work, job, *there(1))
    work.done(first, Done(first.id, "etag-1", was_there=True))
    fails(work, second, Unsupported("no"))
    assert asked == [(0, 0, SIZE)]
    fulfil(work, jobs_of(work))
    assert not any(job.is_hashed for job in jobs_of(work) if isinstance(job, PutPart))


def _finishing(*parts: Done) -> tuple[Uploads, Job]:
    """An upload all of whose parts are stored, and the job that shall finish it."""
    work = uploads(upload(len(parts) * PART))
    for job, done in zip(begun(work), parts, strict=True):
        work.done(job, replace(done, id=job.id))
    [finish] = jobs_of(work)
    return work, finish


def test_parts_that_another_push_has_sent_anew_are_named_as_they_are_now() -> None:
    """Encrypted with a key of the service's they have another ETag each time."""
    work, finish = _finishing(Done(0, "first", "sum-1"), Done(0, "second", "sum-2"))
    fails(work, finish, InvalidPart("not so"))
    [check] = jobs_of(work)
    now = (StoredPart(1, "first", "sum-1", PART), StoredPart(2, "another", "sum-2", PART))
    [again] = listed(work, check, *now)
    assert isinstance(again, Finish)
    assert [part.etag for part in again.parts] == ["first", "another"]
    fulfil(work, [again])
    assert work.is_finished


@pytest.mark.parametrize("checksum", ["", "sum-of-other-bytes"])
def test_a_part_that_is_another_one_now_is_not_taken(checksum: str) -> None:
    work, finish = _finishing(Done(0, "first", "sum-1"), Done(0, "second", "sum-2"))
    fails(work, finish, InvalidPart("not so"))
    [check] = jobs_of(work)
    assert isinstance(check, ListParts)
    now = (StoredPart(1, "first", "sum-1"), StoredPart(2, "another", checksum))
    with pytest.raises(InvalidPart):
        work.done(check, Done(check.id, found=now))


def test_parts_without_checksums_are_known_by_their_etags_alone() -> None:
    work, finish = _finishing(Done(0, "first"), Done(0, "second"))
    fails(work, finish, InvalidPart("not so"))
    [check] = jobs_of(work)
    assert isinstance(check, ListParts)
    with pytest.raises(InvalidPart):
        work.done(check, Done(check.id, found=(StoredPart(1, "first"), StoredPart(2, "another"))))


def test_parts_that_are_never_as_they_are_named_are_an_error() -> None:
    work, finish = _finishing(Done(0, "first", "sum-1"), Done(0, "second", "sum-2"))
    for _ in range(5):
        fails(work, finish, InvalidPart("not so"))
        [check] = jobs_of(work)
        now = (StoredPart(1, "first", "sum-1"), StoredPart(2, "second", "sum-2"))
        [finish] = listed(work, check, *now)
    with pytest.raises(InvalidPart):
        fails(work, finish, InvalidPart("not so"))


def test_an_upload_that_another_push_has_finished_while_its_parts_are_checked() -> None:
    work, finish = _finishing(Done(0, "first", "sum-1"), Done(0, "second", "sum-2"))
    fails(work, finish, InvalidPart("not so"))
    [check] = jobs_of(work)
    fails(work, check, NotFoundError("gone"))
    [look] = jobs_of(work)
    work.done(look, Done(look.id, str(2 * PART)))
    fulfil(work, jobs_of(work))
    assert work.is_finished


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
