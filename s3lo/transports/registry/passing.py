"""Passing failures: those that may be over when it is tried again, and how long to wait for that."""

from __future__ import annotations

import datetime
from email.utils import parsedate_to_datetime

from s3lo.backoff import ATTEMPTS, delay_seconds
from s3lo.errors import S3loError

PATIENCE_SECONDS = 120.0
"""How long one request waits in all because it was asked to. Who is asked for more is told so."""

_THROTTLED = 429
_LAST_SERVER_ERROR = 599
_NEVER = 501


class Passing(Exception):
    """It failed with ``error``, and may go well another time."""

    def __init__(self, error: S3loError, asked_seconds: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.asked_seconds = asked_seconds
        """How long the service asks to be left alone."""


def is_passing(status: int) -> bool:
    """Whether an answer with this status may be another one soon (RFC 9110, section 15)."""
    is_servers = 500 <= status <= _LAST_SERVER_ERROR and status != _NEVER
    return is_servers or status in (408, _THROTTLED)


def asked_seconds(retry_after: str, now: datetime.datetime) -> float | None:
    """What ``Retry-After`` asks for: seconds or a date (RFC 9110, section 10.2.3). None: nothing that
    can be understood."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:12])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.timezone.utc)
    return max(0.0, (date - now).total_seconds())


def wait_seconds(failures: int, passing: Passing, waited_seconds: float) -> float | None:
    """How long to wait after so many failures of a request, the last of them ``passing``; None where
    it is final."""
    asked = passing.asked_seconds
    if failures >= ATTEMPTS or waited_seconds + (asked or 0.0) > PATIENCE_SECONDS:
        return None
    jittered = delay_seconds(failures)
    # Never before it was asked, and not all at that moment.
    return jittered if asked is None else asked + jittered / 10
