"""How a climb is judged."""

from __future__ import annotations

import pytest

from perf.climb import climb_of
from perf.goodput import Course

GB = 1_000_000_000
TICK_SECONDS = 0.1


def course(climb_seconds: float, gb_per_second: float, hashing_seconds: float = 0.0) -> Course:
    """4 GB, at a tenth of the goodput until the climb is over; hashed some time after the last byte."""
    samples: list[tuple[float, int]] = []
    moment = count = 0.0
    while count < 4 * GB:
        samples.append((moment, int(count)))
        is_climbing = moment < climb_seconds - TICK_SECONDS / 2
        count += TICK_SECONDS * gb_per_second * GB * (0.1 if is_climbing else 1)
        moment += TICK_SECONDS
    ends = [moment, *([moment + hashing_seconds] if hashing_seconds else [])]
    return Course([*samples, *((end, 4 * GB) for end in ends)], refused=0)


def test_a_climb_costs_what_the_whole_pull_takes_longer() -> None:
    climb = climb_of(
        {"s3lo": course(0.5, 2.0), "fixed-50": course(0, 1.0), "fixed-100": course(0, 2.0)}
    )
    assert climb.best == "fixed-100"
    assert climb.to_best == pytest.approx(2.0 / 2.5, abs=0.03)


def test_it_is_over_when_half_a_second_brought_nine_tenths() -> None:
    climb = climb_of({"s3lo": course(0.5, 2.0), "fixed-100": course(0, 2.0)})
    assert climb.reached_seconds == pytest.approx(1.0, abs=0.11)


def test_a_pull_that_never_was_as_fast_reached_it_at_its_end() -> None:
    climb = climb_of({"s3lo": course(0, 1.0), "fixed-100": course(0, 2.0)})
    assert climb.reached_seconds == climb.seconds == pytest.approx(4.0, abs=0.11)


def test_bytes_that_come_sooner_and_are_hashed_later_are_no_gain() -> None:
    """At 90 MB/s a connection 50 in flight brought the last byte a second before the last digest."""
    courses = {
        "s3lo": course(0, 1.6),
        "fixed-12": course(0, 1.6),
        "fixed-50": course(0, 2.0, hashing_seconds=1.0),
    }
    climb = climb_of(courses)
    assert climb.best == "fixed-12"
    assert climb.to_best == pytest.approx(1.0, abs=0.03)
