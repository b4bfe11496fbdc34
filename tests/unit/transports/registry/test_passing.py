"""Passing failures: which they are, and how long is waited for them to pass."""

from __future__ import annotations

import datetime

import pytest

from s3lo.backoff import ATTEMPTS
from s3lo.errors import ServiceError, ThrottledError
from s3lo.transports.registry.passing import (
    PATIENCE_SECONDS,
    Passing,
    asked_seconds,
    is_passing,
    wait_seconds,
)

NOW = datetime.datetime(2026, 11, 25, 12, 0, 0, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Wed, 25 Nov 2026 12:00:30 GMT", 30.0),
        ("Wed, 25 Nov 2026 13:00:30 +0100", 30.0),
        ("Wed, 25 Nov 2026 12:00:30 -0000", 30.0),
        ("Wednesday, 25-Nov-26 12:00:30 GMT", 30.0),
        ("Wed, 25 Nov 2026 11:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert asked_seconds(header, NOW) == seconds


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_these_may_pass(status: int) -> None:
    assert is_passing(status)


@pytest.mark.parametrize("status", [200, 307, 400, 401, 403, 404, 416, 501, 600])
def test_these_are_final(status: int) -> None:
    assert not is_passing(status)


def test_it_is_waited_for_no_less_than_was_asked() -> None:
    asked = Passing(ThrottledError("x"), 20.0)
    seconds = wait_seconds(1, asked, 0.0)
    assert seconds is not None
    assert 20.0 < seconds < 22.0


def test_patience_has_an_end_in_attempts_and_in_seconds() -> None:
    passing = Passing(ServiceError("x"))
    assert wait_seconds(ATTEMPTS - 1, passing, 0.0) is not None
    assert wait_seconds(ATTEMPTS, passing, 0.0) is None
    asked = Passing(ThrottledError("x"), 60.0)
    assert wait_seconds(1, asked, PATIENCE_SECONDS - 60) is not None
    assert wait_seconds(2, asked, PATIENCE_SECONDS - 59) is None
    assert wait_seconds(1, Passing(ThrottledError("x"), 21600.0), 0.0) is None
