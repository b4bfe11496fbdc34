"""Control: the requests that jobs of sending stand for, and what answers to them mean.

Whichever client carries them: it sends ``request_for(job)`` and reports ``outcome_of`` the answer.
"""

from __future__ import annotations

from msgspec.structs import replace

from s3lo.engine import failures
from s3lo.engine.jobs import (
    Abort,
    Begin,
    Done,
    Failed,
    Finish,
    ListParts,
    ListUploads,
    Look,
    Put,
    PutPart,
)
from s3lo.errors import S3loError, ServiceError
from s3lo.model import multipart, s3_errors
from s3lo.model.objects import Request, Response

Control = Begin | Finish | Abort | ListUploads | ListParts | Look
"""What moves no bytes of a file."""
Sending = Put | PutPart | Control

_IF_ABSENT = (("if-none-match", "*"),)


def request_for(job: Sending, checksum: str = "") -> Request:
    """The request without the bytes of a Put or PutPart; ``checksum`` is what a part carries."""
    match job:
        case Put():
            condition = _IF_ABSENT if job.if_absent else ()
            return Request("PUT", "PutObject", job.key, headers=job.headers + condition)
        case Begin():
            return multipart.begin(job.key, job.headers, is_checked=job.is_checked)
        case PutPart():
            return multipart.put_part(job.key, job.upload_id, job.number, checksum)
        case Finish():
            condition = _IF_ABSENT if job.if_absent else ()
            return multipart.finish(job.key, job.upload_id, job.parts, condition)
        case Abort():
            return multipart.abort(job.key, job.upload_id)
        case ListUploads():
            return multipart.list_uploads(job.key)
        case ListParts():
            return multipart.list_parts(job.key, job.upload_id, job.after)
        case Look():
            return Request("HEAD", "HeadObject", job.key)


def outcome_of(job: Sending, answer: Response, what: str, checksum: str = "") -> Done | Failed:
    """What an answer says of the job; ``what`` names its object to people."""
    if answer.status == 404 and isinstance(job, Look):
        return Done(job.id)
    if not 200 <= answer.status < 300:
        return failures.answer_failure(job.id, answer, what)
    match job:
        case Begin():
            return _begun(job, answer.body)
        case Finish() if s3_errors.error_code(answer):
            # S3 answers 200 before it knows whether completing will succeed.
            return failures.answer_failure(job.id, replace(answer, status=500), what)
        case PutPart():
            return Done(job.id, answer.headers.get("etag", ""), checksum)
        case ListUploads() | ListParts():
            return _listed(job, answer.body)
        case Look():
            return Done(job.id, answer.headers.get("content-length", "?"))
    return Done(job.id)


def _begun(job: Begin, body: bytes) -> Done | Failed:
    upload_id = multipart.upload_id(body)
    if upload_id:
        return Done(job.id, upload_id, multipart.CHECKSUM if job.is_checked else "")
    return Failed(job.id, ServiceError(f"{job.key}: the service began no multipart upload"))


def _listed(job: ListUploads | ListParts, body: bytes) -> Done | Failed:
    try:
        if isinstance(job, ListUploads):
            return Done(job.id, found=multipart.read_uploads(body, job.key))
        parts, after = multipart.read_parts(body)
        return Done(job.id, str(after) if after else "", found=parts)
    except S3loError as error:
        return Failed(job.id, error)
