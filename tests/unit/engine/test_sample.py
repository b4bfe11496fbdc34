"""A sample: it is judged when what came over it came steadily."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from s3lo.engine.sample import MOST_PROLONGED, Sample, Standing

TICK_SECONDS = 0.025
SECONDS = 0.15


def taken(bytes_by: Callable[[float], float], seconds: float = 5.0) -> tuple[float, float] | None:
    """When a sample of what has come by a moment is complete, and the goodput it says."""
    sample = Sample(Standing(0.0, 0), SECONDS)
    for tick in range(1, round(seconds / TICK_SECONDS)):
        now = Standing(tick * TICK_SECONDS, round(bytes_by(tick * TICK_SECONDS)))
        if sample.is_complete(now):
            return now.moment, now.goodput_since(sample.begun)
    return None


def test_what_comes_evenly_is_judged_at_once() -> None:
    assert taken(lambda seconds: 1e9 * seconds) == pytest.approx((SECONDS, 1e9))


def test_what_still_rises_is_looked_at_until_it_does_not() -> None:
    complete = taken(lambda seconds: 1e9 * (seconds if seconds > 0.4 else seconds**2 / 0.4))
    assert complete
    moment, goodput = complete
    assert moment >= 0.35
    assert goodput >= 0.9e9


def test_what_had_waited_and_came_at_once_is_left_out() -> None:
    complete = taken(lambda seconds: 1e8 + 1e9 * seconds)
    assert complete
    assert complete[1] == pytest.approx(1e9)


def test_what_never_comes_steadily_is_judged_all_the_same() -> None:
    complete = taken(lambda seconds: 1e8 * (seconds // 0.1))
    assert complete
    assert complete[0] <= SECONDS * (1 + MOST_PROLONGED / 2) + TICK_SECONDS


def test_one_that_nobody_looked_at_meanwhile_is_taken_as_it_is() -> None:
    sample = Sample(Standing(0.0, 0), SECONDS)
    assert sample.is_complete(Standing(1.0, 10**9))


def test_what_is_told_twice_says_no_more_than_once() -> None:
    """Worker processes tell of moments of their own. Two pushes ended with a division by zero."""
    sample = Sample(Standing(0.0, 0), 0.125)
    assert not sample.is_complete(Standing(0.0625, 10))
    for _ in range(2 * MOST_PROLONGED):
        assert not sample.is_complete(Standing(0.25, 3000)), "it came all at once"
    assert not sample.is_complete(Standing(0.21875, 3000)), "a worker was lost, and another begins"
    assert sample.is_complete(Standing(0.4375, 6000))
