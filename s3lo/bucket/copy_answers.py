"""Copy answers: what a service says to being asked for a copy, also where it says 200 and means no
(Amazon S3 API reference, CopyObject: "If the error occurs during the copy operation")."""

from __future__ import annotations

from msgspec.structs import replace

from s3lo.errors import AccessDeniedError, ServiceError
from s3lo.model.objects import Response
from s3lo.model.s3_errors import Unsupported, error_code, error_from

_NO_UPLOAD = "NoSuchUpload"


class NotCopied(ServiceError):
    """The service does not copy this by itself; that it is read and written may well do."""

    code = "not_copied"


class Conflict(Exception):
    """A condition does not hold: the target is there, or the source is another by now."""


class SourceGone(Exception):
    """The service does not find what is to be copied."""


class UploadGone(Exception):
    """The service does not find the multipart upload: it is finished or given up."""


def failure_in(answer: Response, what: str) -> Exception | None:
    """What an answer stands for; None where it is a success. ``what`` names the target."""
    code = error_code(answer)
    if 200 <= answer.status < 300 and not code:
        return None
    if answer.status == 412 or code == "PreconditionFailed":
        return Conflict()
    if code == _NO_UPLOAD:
        return UploadGone()
    if answer.status == 404 or code == "NoSuchKey":
        return SourceGone()
    return error_from(replace(answer, status=500) if answer.status < 300 else answer, what)


def is_refusal(answer: Response, failure: Exception) -> bool:
    """Whether the service could be asked for ever: no trouble that passes, and none of the target's.

    Access may be denied to the source, which is read with the target's credentials then.
    """
    if isinstance(failure, AccessDeniedError | Unsupported):
        return True
    return 400 <= answer.status < 500 and type(failure) is ServiceError
