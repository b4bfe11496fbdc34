"""Control: the requests that jobs of sending stand for, and what answers to them mean.

Whichever client carries them: it sends ``request_for(job)`` and reports ``outcome_of`` the answer,
unless that one calls for something else first: the job once more, without what this endpoint turned
out not to take (``Terms``), or a look at whether it had been done before (``look_for``).
"""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from s3lo.engine import failures
from s3lo.engine.jobs import Abort, Begin, Done, Failed, Finish, Headers, Job, Outcome, Put, PutPart
from s3lo.errors import NotFoundError, ServiceError
from s3lo.model import multipart, s3_errors
from s3lo.model.objects import Request, Response
from s3lo.model.s3_errors import InvalidStorageClass, Unsupported

Sending = Put | Begin | PutPart | Finish | Abort

_J = TypeVar("_J", bound=Job)
_STORAGE_CLASS = "x-amz-storage-class"


def request_for(job: Sending, checksum: str = "") -> Request:
    """The request without the bytes of a Put or PutPart; ``checksum`` is what a part carries."""
    match job:
        case Put():
            return Request("PUT", "PutObject", job.key, headers=job.headers)
        case Begin():
            return multipart.begin(job.key, job.headers, is_checked=job.is_checked)
        case PutPart():
            return multipart.put_part(job.key, job.upload_id, job.number, checksum)
        case Finish():
            return multipart.finish(job.key, job.upload_id, job.parts)
        case Abort():
            return multipart.abort(job.key, job.upload_id)


def outcome_of(job: Sending, answer: Response, what: str, checksum: str = "") -> Done | Failed:
    """What an answer says of the job; ``what`` names its object to people."""
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
    return Done(job.id)


def _begun(job: Begin, body: bytes) -> Done | Failed:
    upload_id = multipart.upload_id(body)
    if upload_id:
        return Done(job.id, upload_id, multipart.CHECKSUM if job.is_checked else "")
    return Failed(job.id, ServiceError(f"{job.key}: the service began no multipart upload"))


class Terms:
    """What an endpoint takes: everything, until it has refused something. For any thread."""

    def __init__(self) -> None:
        self._takes_classes = True
        self._takes_checksums = True

    def adapted(self, job: _J) -> _J:
        """The job without what this endpoint is known not to take."""
        if isinstance(job, Put | Begin) and not self._takes_classes:
            job = replace(job, headers=_without_class(job.headers))
        if isinstance(job, Begin) and not self._takes_checksums:
            job = replace(job, is_checked=False)
        return job

    def learns(self, job: Job, outcome: Outcome) -> bool:
        """Whether this outcome tells of something that the job asked for and the endpoint does not
        take: then the job, adapted, is worth another try at once."""
        match outcome, job:
            case Failed(error=InvalidStorageClass()), Put() | Begin() if _has_class(job):
                self._takes_classes = False
                return True
            case Failed(error=Unsupported()), Begin(is_checked=True):
                # Some endpoints know no CRC-64/NVME; what exactly they say to it differs.
                self._takes_checksums = False
                return True
        return False


def look_for(job: Job, outcome: Outcome) -> Request | None:
    """For an upload that is gone after its answer was lost: the request that shows whether it had
    been finished."""
    match outcome, job:
        case Failed(error=NotFoundError()), Finish(is_repeat=True):
            return Request("HEAD", "HeadObject", job.key)
    return None


def is_there(job: Finish, found: Response) -> bool:
    """Whether the answer to the look is the object that was to be made."""
    return found.status == 200 and found.headers.get("content-length", "") == str(job.size)


def _has_class(job: Put | Begin) -> bool:
    return any(name == _STORAGE_CLASS for name, _ in job.headers)


def _without_class(headers: Headers) -> Headers:
    return tuple(header for header in headers if header[0] != _STORAGE_CLASS)
