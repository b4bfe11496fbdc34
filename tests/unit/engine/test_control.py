"""Control: what jobs ask of a service, what its answers mean, and what is asked for instead."""

from __future__ import annotations

import pytest

from s3lo.engine import control
from s3lo.engine.jobs import Abort, Begin, Done, Failed, Finish, Job, Put, PutPart
from s3lo.errors import AccessDeniedError, NotFoundError, RefusedError, ServiceError
from s3lo.model.multipart import StoredPart
from s3lo.model.objects import Response
from s3lo.model.s3_errors import InvalidStorageClass, Unsupported

CLASS = ("x-amz-storage-class", "INTELLIGENT_TIERING")
TYPE = ("content-type", "application/octet-stream")
PUT = Put(1, 0, "key", "/file", 0, 9, (TYPE, CLASS))
BEGIN = Begin(2, 0, "key", 90, (TYPE, CLASS))
PART = PutPart(3, 0, "key", "upload", 2, "/file", 7, 5, 9)
FINISH = Finish(4, 0, "key", "upload", (StoredPart(1, '"e"', "sum"),), 90)
ABORT = Abort(5, 0, "key", "upload")
BEGUN = (
    b"<InitiateMultipartUploadResult><UploadId>a&amp;b</UploadId></InitiateMultipartUploadResult>"
)
LATE = b"<Error><Code>InternalError</Code></Error>"


def test_a_part_carries_its_checksum_and_names_its_upload() -> None:
    request = control.request_for(PART, "sum")
    assert (request.method, request.query_string) == ("PUT", "partNumber=2&uploadId=upload")
    assert request.headers == (("x-amz-checksum-crc64nvme", "sum"),)
    assert control.request_for(PART).headers == ()


@pytest.mark.parametrize(
    ("job", "answer", "meant"),
    [
        (PUT, Response(200, {"etag": '"e"'}), Done(1)),
        (BEGIN, Response(200, {}, BEGUN), Done(2, "a&b", "CRC64NVME")),
        (PART, Response(200, {"etag": '"e"'}), Done(3, '"e"', "sum")),
        (FINISH, Response(200, {}, b"<CompleteMultipartUploadResult/>"), Done(4)),
        (ABORT, Response(204), Done(5)),
    ],
)
def test_what_answers_say_of_jobs_that_are_done(
    job: control.Sending, answer: Response, meant: Done
) -> None:
    assert control.outcome_of(job, answer, "it", "sum") == meant


@pytest.mark.parametrize(
    ("job", "answer", "kind", "retryable"),
    [
        (PUT, Response(403), AccessDeniedError, False),
        (PUT, Response(412), RefusedError, False),
        (PART, Response(307), ServiceError, False),
        (PART, Response(404), NotFoundError, False),
        (BEGIN, Response(200, {}, b"<Nothing/>"), ServiceError, False),
        (FINISH, Response(200, {}, LATE), ServiceError, True),
        (ABORT, Response(500), ServiceError, True),
    ],
)
def test_what_answers_say_of_jobs_that_are_not(
    job: control.Sending, answer: Response, kind: type[Exception], retryable: bool
) -> None:
    outcome = control.outcome_of(job, answer, "it")
    assert isinstance(outcome, Failed)
    assert (type(outcome.error), outcome.retryable) == (kind, retryable)


@pytest.mark.parametrize("job", [PUT, BEGIN])
def test_a_storage_class_that_was_refused_is_asked_for_no_more(job: Put | Begin) -> None:
    terms = control.Terms()
    refused = Failed(job.id, InvalidStorageClass("no"))
    assert terms.learns(job, refused)
    again = terms.adapted(job)
    assert isinstance(again, Put | Begin)
    assert again.headers == (TYPE,)
    assert not terms.learns(again, refused)


def test_checksums_that_were_refused_are_asked_for_no_more() -> None:
    terms = control.Terms()
    refused = Failed(2, Unsupported("no"))
    assert terms.learns(BEGIN, refused)
    again = terms.adapted(BEGIN)
    assert isinstance(again, Begin)
    assert not again.is_checked
    assert not terms.learns(again, refused)
    done = control.outcome_of(again, Response(200, {}, BEGUN), "it")
    assert done == Done(2, "a&b", "")


def test_other_jobs_are_asked_for_as_they_are() -> None:
    terms = control.Terms()
    assert terms.adapted(PUT) == PUT
    assert not terms.learns(PART, Failed(3, Unsupported("no")))
    assert not terms.learns(PUT, Done(1))


def test_an_upload_that_is_gone_when_it_is_finished_again_is_looked_for() -> None:
    gone = Failed(4, NotFoundError("gone"))
    repeated = Finish(4, 0, "key", "upload", FINISH.parts, 90, is_repeat=True)
    look = control.look_for(repeated, gone)
    assert look is not None
    assert (look.method, look.key) == ("HEAD", "key")
    others: list[tuple[Job, Done | Failed]] = [
        (FINISH, gone),
        (repeated, Done(4)),
        (repeated, Failed(4, ServiceError("?"))),
        (ABORT, gone),
    ]
    assert not any(control.look_for(job, outcome) for job, outcome in others)
    assert control.is_there(repeated, Response(200, {"content-length": "90"}))
    assert not control.is_there(repeated, Response(200, {"content-length": "89"}))
    assert not control.is_there(repeated, Response(404))
