"""Resumption: a push goes on with what an earlier one has left, where that proves to be its own."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from s3lo.engine.jobs import (
    Begin,
    Done,
    Finish,
    Job,
    ListParts,
    ListUploads,
    Put,
    PutPart,
)
from s3lo.engine.transfers import Upload
from s3lo.engine.upload.feed import Offered
from s3lo.engine.upload.uploads import Uploads
from s3lo.errors import (
    AccessDeniedError,
    NotFoundError,
    S3loError,
    ServiceError,
)
from s3lo.events import BytesMoved, Event, Note, Observer, ignore
from s3lo.model.multipart import OpenUpload, StoredPart
from s3lo.model.s3_errors import InvalidPart, Unsupported
from tests.unit.engine.uploading import (
    PART,
    SETTINGS,
    Position,
    Stored,
    begun,
    fails,
    fulfil,
    jobs_of,
    upload,
    uploads,
)

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
