"""Failures: what an answer says of a job that it does not fulfil, whichever client asked for it."""

from __future__ import annotations

from collections.abc import Mapping

from s3lo.engine.jobs import Failed, Get
from s3lo.engine.sockets.http import NoConnection
from s3lo.engine.transfers import DAMAGED
from s3lo.errors import Interrupted, ServiceError, SizeMismatch
from s3lo.model import s3_errors
from s3lo.model.objects import Response

NOT_SATISFIABLE = 416
"""The answer to a range that begins after the object's end (RFC 9110, section 15.5.17)."""


def answer_failure(job_id: int, response: Response, what: str) -> Failed:
    """The failure that an S3 error answer stands for."""
    return Failed(
        job_id,
        s3_errors.error_from(response, what),
        retryable=s3_errors.is_retryable(response) or s3_errors.is_expired(response),
        throttled=s3_errors.is_throttled(response),
        expired=s3_errors.is_expired(response),
    )


def broken(
    job_id: int, error: NoConnection, what: str, *, is_cancelled: bool, kept_bytes: int = 0
) -> Failed:
    """The failure where no answer came, or no whole one: because it was cancelled, or not."""
    if is_cancelled:
        return Failed(job_id, Interrupted(f"{what} was cancelled"), kept_bytes=kept_bytes)
    reason = ServiceError(f"no answer for {what}: {error}")
    return Failed(job_id, reason, retryable=True, kept_bytes=kept_bytes)


def check_size(job: Get, headers: Mapping[str, str]) -> None:
    """Raise SizeMismatch unless the object is as large as it must be: its whole size stands in
    ``Content-Range`` (RFC 9110, section 14.4)."""
    total = headers.get("content-range", "").rpartition("/")[2]
    said = total if total.isdigit() else headers.get("content-length", "")
    size = int(said) if said.isdigit() else -1
    if size != job.object_size:
        raise SizeMismatch(
            f"{job.key} is {size} bytes where {job.object_size} are expected", hint=DAMAGED
        )


def ends_early(job: Get, what: str) -> SizeMismatch:
    """The error for a range that is not satisfiable."""
    return SizeMismatch(f"{what} ends before {job.object_size} bytes", hint=DAMAGED)
