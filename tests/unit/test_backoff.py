"""Backoff: every delay within its bounds, longer with each failure, patient in all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from s3lo.backoff import (
    ATTEMPTS,
    BASE_SECONDS,
    CAP_SECONDS,
    GROWTH,
    PACED_CAP_SECONDS,
    delay_seconds,
    paced_seconds,
)


@given(st.integers(1, 1000))
def test_a_delay_is_positive_and_capped(failures: int) -> None:
    assert 0 < delay_seconds(failures) <= CAP_SECONDS
    assert 0 < paced_seconds(failures) <= PACED_CAP_SECONDS


@given(st.integers(1, 4))
def test_a_delay_grows_with_failures(failures: int) -> None:
    bound = BASE_SECONDS * GROWTH ** (failures - 1)
    assert bound / 4 <= delay_seconds(failures) <= bound


def test_a_single_failure_costs_a_moment_only() -> None:
    """A refusal of manifest, config or rules, which come one by one, cost 0.1 to 0.4 s each."""
    assert max(delay_seconds(1) for _ in range(200)) <= 0.05


def test_a_service_that_is_away_for_seven_seconds_is_waited_for() -> None:
    least = sum(min(delay_seconds(n) for _ in range(200)) for n in range(1, ATTEMPTS))
    assert least >= 7


def test_delays_are_spread() -> None:
    """A fleet that failed at one moment does not come back at one moment."""
    assert len({delay_seconds(4) for _ in range(50)}) > 40
