"""S3 errors: every answer becomes the right error, decided by status and code."""

from __future__ import annotations

import pytest

from s3lo import errors
from s3lo.model import s3_errors
from s3lo.model.objects import Response


def _answer(status: int, code: str = "") -> Response:
    body = f"<Error><Code>{code}</Code><Message>Why.</Message></Error>" if code else ""
    return Response(status, {}, body.encode())


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "InvalidRequest", s3_errors.Unsupported),
        (501, "NotImplemented", s3_errors.Unsupported),
        (400, "InvalidStorageClass", s3_errors.InvalidStorageClass),
        (400, "InvalidPart", s3_errors.InvalidPart),
        (400, "EntityTooLarge", errors.ServiceError),
        (400, "ExpiredToken", errors.AccessDeniedError),
        (400, "BadDigest", errors.DigestMismatch),
        (401, "", errors.AccessDeniedError),
        (403, "", errors.AccessDeniedError),
        (403, "SignatureDoesNotMatch", errors.AccessDeniedError),
        (404, "", errors.NotFoundError),
        (404, "NoSuchKey", errors.NotFoundError),
        (404, "NoSuchBucket", errors.NotFoundError),
        (409, "ConditionalRequestConflict", errors.RefusedError),
        (412, "PreconditionFailed", errors.RefusedError),
        (429, "", errors.ThrottledError),
        (500, "InternalError", errors.ServiceError),
        (503, "SlowDown", errors.ThrottledError),
        (503, "", errors.ThrottledError),
    ],
)
def test_an_answer_becomes_its_error(status: int, code: str, kind: type[errors.S3loError]) -> None:
    error = s3_errors.error_from(_answer(status, code), "s3://b/k")
    assert type(error) is kind
    assert "s3://b/k" in error.message
    assert str(status) in error.message
    assert code in error.message


@pytest.mark.parametrize(
    ("status", "code", "again"),
    [
        (200, "", False),
        (200, "InternalError", True),
        (400, "RequestTimeout", True),
        (400, "InvalidRequest", False),
        (403, "AccessDenied", False),
        (404, "NoSuchKey", False),
        (408, "", True),
        (409, "ConditionalRequestConflict", True),
        (412, "", False),
        (500, "", True),
        (503, "SlowDown", True),
    ],
)
def test_only_what_may_get_better_is_tried_again(status: int, code: str, again: bool) -> None:
    assert s3_errors.is_retryable(_answer(status, code)) is again


def test_a_code_deep_in_a_success_is_about_something_else() -> None:
    """A DeleteResult names the keys that failed; once it was taken for a throttled request."""
    body = b"<DeleteResult><Error><Key>k</Key><Code>SlowDown</Code></Error></DeleteResult>"
    response = Response(200, {}, body)
    assert s3_errors.error_code(response) == ""
    assert not s3_errors.is_throttled(response)


def test_an_error_in_a_success_counts() -> None:
    """CompleteMultipartUpload answers 200 before it knows."""
    body = b'<?xml version="1.0" encoding="UTF-8"?>\n\n<Error><Code>InternalError</Code></Error>'
    assert s3_errors.error_code(Response(200, {}, body)) == "InternalError"


def test_expired_credentials_are_told_from_wrong_ones() -> None:
    assert s3_errors.is_expired(_answer(400, "ExpiredToken"))
    assert not s3_errors.is_expired(_answer(403, "InvalidAccessKeyId"))


@pytest.mark.parametrize(
    ("status", "code", "moved"),
    [
        (301, "PermanentRedirect", True),
        (307, "TemporaryRedirect", True),
        (400, "AuthorizationHeaderMalformed", True),
        (400, "InvalidRequest", False),
        (304, "", False),
        (200, "", False),
    ],
)
def test_a_redirect_is_recognised(status: int, code: str, moved: bool) -> None:
    assert s3_errors.is_redirect(_answer(status, code)) is moved
