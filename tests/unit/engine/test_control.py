"""Control: what jobs ask of a service, and what its answers mean."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from s3lo.engine.jobs import Abort, Begin, Done, Failed, Finish, Look, Put, PutPart
from s3lo.engine.upload import control
from s3lo.errors import AccessDeniedError, NotFoundError, RefusedError, ServiceError
from s3lo.model.multipart import StoredPart
from s3lo.model.objects import Response

CLASS = ("x-amz-storage-class", "INTELLIGENT_TIERING")
TYPE = ("content-type", "application/octet-stream")
PUT = Put(1, 0, "key", "/file", 0, 9, (TYPE, CLASS))
BEGIN = Begin(2, 0, "key", 90, (TYPE, CLASS))
PART = PutPart(3, 0, "key", "upload", 2, "/file", 7, 5, 9)
FINISH = Finish(4, 0, "key", "upload", (StoredPart(1, '"e"', "sum"),), 90)
ABORT = Abort(5, 0, "key", "upload")
LOOK = Look(6, 0, "key")
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


@pytest.mark.parametrize("job", [PUT, FINISH])
def test_what_may_not_be_overwritten_is_written_on_that_condition(job: Put | Finish) -> None:
    assert ("if-none-match", "*") not in control.request_for(job).headers
    conditional = replace(job, if_absent=True)
    assert ("if-none-match", "*") in control.request_for(conditional).headers


def test_a_look_tells_the_size_and_absence_is_no_failure() -> None:
    request = control.request_for(LOOK)
    assert (request.method, request.key) == ("HEAD", "key")
    assert control.outcome_of(LOOK, Response(200, {"content-length": "90"}), "it") == Done(6, "90")
    assert control.outcome_of(LOOK, Response(404), "it") == Done(6, "")
    assert isinstance(control.outcome_of(LOOK, Response(403), "it"), Failed)
