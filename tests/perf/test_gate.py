"""The gate: sure of a slow engine, quiet about a noisy machine."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest

from perf.gate import (
    ERROR_RATE,
    MATTERS,
    TOLERATED,
    Estimate,
    Verdict,
    estimate,
    is_time_to_look,
    judge,
    judge_at_last,
)

_PAIRS = 12
"""As many as a smoke run on two cores has time for, of a workload."""


def _noisy_pairs(true_ratio: float, seed: int, noise: float = 0.09) -> Iterator[float]:
    """What a shared machine was seen to give: noise on every pair, and some of them far out."""
    source = random.Random(seed)
    while True:
        error = source.gauss(0, noise)
        if source.random() < 0.05:
            error += source.choice((-1, 1)) * source.expovariate(5)
        yield true_ratio * 2.718281828**error


def _course(pairs: Iterator[float]) -> list[float]:
    """The pairs of one workload, as a smoke run takes them."""
    seen: list[float] = []
    for ratio in itertools.islice(pairs, _PAIRS):
        seen.append(ratio)
        if is_time_to_look(len(seen)) and judge(estimate(seen)) is not Verdict.UNDECIDED:
            break
    return seen


def _raises_alarm(true_ratio: float, seed: int) -> bool:
    """A pull and a push, each judged alone and both together."""
    pull, push = (_course(_noisy_pairs(true_ratio, 2 * seed + which)) for which in (0, 1))
    verdicts = [judge_at_last(estimate(pairs)) for pairs in (pull, push, pull + push)]
    return Verdict.REGRESSION in verdicts


def test_an_engine_slowed_by_15_percent_is_caught_nine_times_of_ten() -> None:
    """Of a whole run, whose start is not the engine's, that is about 11%."""
    assert sum(_raises_alarm(1.11, seed) for seed in range(100)) >= 90


def test_unchanged_code_raises_at_most_one_false_alarm_in_twenty() -> None:
    assert sum(_raises_alarm(1.0, seed) for seed in range(100)) <= 5


def test_a_faster_engine_is_fine() -> None:
    assert not _raises_alarm(0.8, seed=1)


def test_a_quiet_machine_needs_no_more_pairs_than_the_first_look() -> None:
    seen = list(itertools.islice(_noisy_pairs(1.0, seed=3, noise=0.005), 10))
    assert is_time_to_look(len(seen))
    assert judge(estimate(seen)) is Verdict.FINE


def test_the_estimate_hardly_moves_for_an_outlier() -> None:
    calm = [1.0, 1.01, 0.99, 1.02, 0.98, 1.0, 1.01, 0.99, 1.0, 1.0]
    assert estimate([*calm[:-1], 9.0]).ratio == pytest.approx(estimate(calm).ratio, abs=0.02)


def test_the_bounds_of_ten_pairs_are_those_of_wilcoxons_table() -> None:
    """The signed-rank sum of 10 pairs is at most 3 in 5 of 1024 cases (0.49%), so that the fourth
    smallest of the 55 pairwise means is the bound."""
    ratios = [1.0 + number / 100 for number in range(10)]
    means = sorted((a * b) ** 0.5 for i, a in enumerate(ratios) for b in ratios[i:])
    found = estimate(ratios)
    assert found.lower == pytest.approx(means[3])
    assert found.upper == pytest.approx(means[-4])


def test_the_bounds_err_no_more_often_than_they_say() -> None:
    misses = sum(
        estimate(list(itertools.islice(_noisy_pairs(1.0, seed), 12))).lower > 1
        for seed in range(3000)
    )
    assert misses <= 3000 * ERROR_RATE * 1.8  # two standard deviations above


@pytest.mark.parametrize(
    ("lower", "ratio", "upper", "now", "at_last"),
    [
        (TOLERATED + 0.01, 1.2, 1.3, Verdict.REGRESSION, Verdict.REGRESSION),
        (0.9, 1.0, MATTERS - 0.01, Verdict.FINE, Verdict.FINE),
        (1.01, 1.12, 1.2, Verdict.UNDECIDED, Verdict.REGRESSION),
        (0.98, 1.12, 1.3, Verdict.UNDECIDED, Verdict.FINE),
        (1.02, TOLERATED - 0.01, 1.15, Verdict.UNDECIDED, Verdict.FINE),
    ],
    ids=["surely slower", "surely fine", "beyond the noise", "lost in noise", "tolerated"],
)
def test_verdicts(lower: float, ratio: float, upper: float, now: Verdict, at_last: Verdict) -> None:
    found = Estimate(ratio, lower, upper, pairs=20)
    assert judge(found) is now
    assert judge_at_last(found) is at_last
