"""The tuner: it finds the width at which bytes come fastest, whatever limits them."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from s3lo.engine.tuner import Tuner

TICK_SECONDS = 0.05
INITIAL, MOST, TARGET_GBPS = 8, 1024, 10.0


def widths(
    goodput: Callable[[int], float], seconds: float, noise: float = 0.05, seed: int = 1
) -> list[int]:
    """What the tuner sets at each tick against an origin with this goodput for a width."""
    chance = random.Random(seed)
    tuner = Tuner(INITIAL, MOST, TARGET_GBPS)
    received, seen = 0.0, []
    for tick in range(round(seconds / TICK_SECONDS)):
        received += goodput(tuner.width) * TICK_SECONDS * chance.gauss(1, noise)
        tuner.observe(tick * TICK_SECONDS, int(received), is_full=True)
        seen.append(tuner.width)
    return seen


def capped(per_connection: float, in_all: float) -> Callable[[int], float]:
    return lambda width: min(width * per_connection, in_all)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    ("per_connection", "in_all"),
    [(8e6, 1.2e9), (2e6, 0.9e9), (25e6, 1.2e9), (90e6, 1.2e9), (90e6, 0.125e9)],
)
def test_it_gets_nine_tenths_of_what_there_is_within_three_seconds(
    per_connection: float, in_all: float, seed: int
) -> None:
    goodput = capped(per_connection, in_all)
    seen = widths(goodput, 30, seed=seed)
    late = seen[round(3 / TICK_SECONDS) :]
    mean = sum(goodput(width) for width in late) / len(late)
    assert mean >= 0.9 * in_all


def test_where_wider_is_no_faster_it_becomes_narrow() -> None:
    """Cores that are busy gain nothing from more connections, and lose what sits in their caches."""
    seen = widths(lambda width: 1.2e9 * (1 - 0.01 * width), 60, noise=0.01)
    assert max(seen) == 2 * INITIAL
    assert seen[-1] <= INITIAL // 2


def test_it_follows_when_the_network_gets_better() -> None:
    tuner = Tuner(INITIAL, MOST, TARGET_GBPS)
    received = 0.0
    for tick in range(2400):
        now = tick * TICK_SECONDS
        received += min(tuner.width * 8e6, 0.1e9 if now < 20 else 0.8e9) * TICK_SECONDS
        tuner.observe(now, int(received), is_full=True)
    assert tuner.width * 8e6 > 0.7e9


def test_nothing_is_concluded_from_a_window_that_was_not_full() -> None:
    tuner = Tuner(INITIAL, MOST, TARGET_GBPS)
    for tick in range(100):
        tuner.observe(tick * TICK_SECONDS, tick * 1000, is_full=False)
    assert tuner.width == INITIAL


def test_every_change_says_why() -> None:
    tuner = Tuner(INITIAL, MOST, TARGET_GBPS)
    for tick in range(10):
        tuner.observe(tick * TICK_SECONDS, tick * 10**7, is_full=True)
    assert tuner.width == 50
    assert tuner.reason == "8 in flight brought 1.60 Gbit/s: now 50"
