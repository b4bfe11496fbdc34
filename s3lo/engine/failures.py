"""Failures: what became of a job that the service refused, whichever client asked for it."""

from __future__ import annotations

from s3lo.engine.jobs import Failed
from s3lo.model import s3_errors
from s3lo.model.objects import Response


def answer_failure(job_id: int, response: Response, what: str) -> Failed:
    """The failure that an S3 error answer stands for."""
    return Failed(
        job_id,
        s3_errors.error_from(response, what),
        retryable=s3_errors.is_retryable(response) or s3_errors.is_expired(response),
        throttled=s3_errors.is_throttled(response),
        expired=s3_errors.is_expired(response),
    )
