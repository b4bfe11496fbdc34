"""Native errors: the one place where what awscrt reports becomes an error of ours."""

from __future__ import annotations

from awscrt.exceptions import AwsCrtError

from s3lo.engine import failures
from s3lo.engine.crt.client import Reply
from s3lo.engine.jobs import Failed
from s3lo.errors import Interrupted, LocalError, S3loError, ServiceError, from_os
from s3lo.model import s3_errors
from s3lo.model.objects import Response

_CANCELLED = "AWS_ERROR_S3_CANCELED"
_BAD_STATUS = "AWS_ERROR_S3_INVALID_RESPONSE_STATUS"
_SLOW_DOWN = "AWS_ERROR_S3_SLOW_DOWN"
"""What awscrt makes of a 503 or 429, keeping nothing else of the answer."""
_UNTRUSTED = frozenset({"AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE", "AWS_IO_TLS_ERROR_NOT_NEGOTIATED"})


def failure(job_id: int, reply: Reply, what: str) -> Failed:
    """How a reply that carries an error failed, and whether trying again makes sense."""
    error = reply.error
    if isinstance(error, S3loError):
        return Failed(job_id, error)
    if isinstance(error, OSError):
        return Failed(job_id, from_os(error, f"moving {what} through"))
    if not isinstance(error, AwsCrtError):
        return Failed(job_id, LocalError(f"{what}: {type(error).__name__}: {error}"))
    answer = answer_of(reply)
    if answer is not None:
        return failures.answer_failure(job_id, answer, what)
    return Failed(job_id, no_answer(error, what), retryable=error.name not in _UNTRUSTED)


def answer_of(reply: Reply, body: bytes = b"") -> Response | None:
    """What the service answered, a failure included; ``body`` came with a success."""
    error = reply.error
    if error is None:
        return Response(reply.status, reply.headers, body)
    if not isinstance(error, AwsCrtError):
        return None
    if error.name == _SLOW_DOWN:
        return Response(503)
    if error.name == _BAD_STATUS or reply.status >= 300:
        return Response(reply.status, reply.headers, reply.error_body)
    return None


def no_answer(error: AwsCrtError, what: str) -> S3loError:
    """The error where no answer came: no connection, no trust, cut off, cancelled."""
    if error.name == _CANCELLED:
        return Interrupted(f"{what} was cancelled")
    if error.name in _UNTRUSTED:
        return s3_errors.UntrustedEndpoint(f"no trusted TLS connection for {what} ({error.name})")
    return ServiceError(f"no answer for {what}: {error.message} ({error.name})")
