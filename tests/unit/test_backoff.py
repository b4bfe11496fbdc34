"""Backoff: every delay within its bounds, longer with each failure, longer when throttled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from s3lo.backoff import BASE_SECONDS, CAP_SECONDS, delay_seconds


@given(st.integers(1, 1000), st.booleans())
def test_a_delay_is_positive_and_capped(failures: int, throttled: bool) -> None:
    assert 0 < delay_seconds(failures, throttled=throttled) <= CAP_SECONDS


@given(st.integers(1, 5))
def test_a_delay_grows_with_failures(failures: int) -> None:
    bound = BASE_SECONDS * 2 ** (failures - 1)
    assert bound / 4 <= delay_seconds(failures) <= bound
    assert bound / 2 <= delay_seconds(failures, throttled=True) <= 2 * bound


def test_delays_are_spread() -> None:
    """A fleet that failed at one moment does not come back at one moment."""
    assert len({delay_seconds(4) for _ in range(50)}) > 40
