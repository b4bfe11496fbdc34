"""S3 errors: the one place where an S3 error answer becomes an error of ours.

Decided by status and by ``<Code>`` of the body (Amazon S3 API reference, "Error responses"),
never by a message's wording.
"""

from __future__ import annotations

import re

from s3lo.errors import (
    AccessDeniedError,
    DigestMismatch,
    NotFoundError,
    RefusedError,
    S3loError,
    ServiceError,
    ThrottledError,
)
from s3lo.model.objects import Response


class UntrustedEndpoint(ServiceError):
    """No answer, and trying again is no use: the certificate is not trusted."""

    code = "untrusted_endpoint"
    default_hint = "Name the certificate authority with --ca-bundle or AWS_CA_BUNDLE."


class InvalidStorageClass(ServiceError):
    """The endpoint does not know the storage class that an object was to have."""

    code = "invalid_storage_class"
    default_hint = "Name one that this service has with --storage-class."


class InvalidPart(ServiceError):
    """A part that a multipart upload was to be made of is not there as it was named."""

    code = "invalid_part"


class Unsupported(ServiceError):
    """The endpoint does not know something that was asked of it."""

    code = "unsupported"


_ERROR_DOCUMENT = re.compile(rb"\s*(?:<\?xml[^>]*\?>\s*)?<Error[>\s]")
_CODE = re.compile(rb"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")

_DENIED = frozenset(
    {
        "AccessDenied",
        "AllAccessDisabled",
        "AccountProblem",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "RequestTimeTooSkewed",
    }
)
_EXPIRED = frozenset({"ExpiredToken", "TokenRefreshRequired"})
_THROTTLED = frozenset({"SlowDown", "TooManyRequests", "RequestLimitExceeded", "Throttling"})
_DIGEST = frozenset({"BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"})
_UNSUPPORTED = frozenset({"NotImplemented", "InvalidRequest", "InvalidArgument"})
_PASSING = frozenset(
    {"RequestTimeout", "InternalError", "OperationAborted", "ConditionalRequestConflict"}
)
"""The last: a conditional write met another one under way, and neither has won yet."""
_REDIRECT = frozenset({301, 307, 308})


def error_code(response: Response) -> str:
    """S3's own code for what went wrong, empty where the answer has none (HEAD).

    Some operations answer 200 before they know and put the error into the body
    (CompleteMultipartUpload, CopyObject); codes deeper in a 200 are about something else.
    """
    if response.status < 300 and not _ERROR_DOCUMENT.match(response.body):
        return ""
    found = _CODE.search(response.body)
    return found.group(1).decode("utf-8", "replace") if found else ""


def is_throttled(response: Response) -> bool:
    """The service asks for fewer requests: 503, 429, or a code that says so."""
    return response.status in (503, 429) or error_code(response) in _THROTTLED


def is_retryable(response: Response) -> bool:
    """Worth trying again as it is."""
    is_passing = response.status == 408 or error_code(response) in _PASSING
    failed = response.status >= 500 and response.status != 501
    return is_throttled(response) or failed or is_passing


def is_expired(response: Response) -> bool:
    """The credentials ran out under way: worth trying again with fresh ones."""
    return error_code(response) in _EXPIRED


def is_redirect(response: Response) -> bool:
    """The bucket lives in another region: 301, 307, or 400 that names the region."""
    wrong_region = error_code(response) in ("AuthorizationHeaderMalformed", "PermanentRedirect")
    return response.status in _REDIRECT or wrong_region


def error_from(response: Response, what: str) -> S3loError:
    """The error for an answer that is not a success. ``what`` names the object or bucket."""
    code = error_code(response)
    found = _MESSAGE.search(response.body)
    said = f": {found.group(1).decode('utf-8', 'replace')}" if found else ""
    detail = f"{what} ({response.status}{' ' + code if code else ''}){said}"
    if code in _DENIED or response.status in (401, 403):
        return AccessDeniedError(f"the service denies access to {detail}")
    if response.status == 404:
        return _not_found(code, detail)
    if response.status == 412 or code == "ConditionalRequestConflict":
        return RefusedError(f"a condition on {detail} does not hold")
    if code == "InvalidStorageClass":
        return InvalidStorageClass(f"the service has no such storage class for {detail}")
    if code == "InvalidPart":
        return InvalidPart(f"the service does not find the parts of {detail}")
    if code in _UNSUPPORTED or response.status == 501:
        return Unsupported(f"the service does not support what was asked for {detail}")
    if code in _DIGEST:
        return DigestMismatch(f"the service received other bytes than were sent for {detail}")
    if is_throttled(response):
        return ThrottledError(f"the service is throttling requests for {detail}")
    return ServiceError(f"the service refused {detail}")


def no_such_bucket(what: str) -> NotFoundError:
    """``what`` names it."""
    return NotFoundError(
        f"there is no such bucket: {what}", hint="Check its name and --endpoint-url."
    )


def _not_found(code: str, detail: str) -> NotFoundError:
    if code == "NoSuchBucket":
        return no_such_bucket(detail)
    return NotFoundError(f"not there: {detail}")
