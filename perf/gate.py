"""Gate: tells a slower commit from a noisy machine.

Two trees do the same work in turn, pair after pair. The logarithm of each pair's ratio is one
sample; what drifts over minutes (neighbours, clocks, caches) is in both halves of a pair and falls
out. The pairs' pseudo-median (Hodges and Lehmann, 1963) is the estimate: it hardly moves for an
outlier, as a median does, and loses little against a mean where there are none. Its confidence
bounds are order statistics of the pairwise means (Tukey's bounds, by the exact distribution of
Wilcoxon's signed-rank sum): the noise is what these runs showed, not what someone assumed, and no
shape is assumed but that a pair is as likely to err one way as the other.

After a few pairs, and again after more, the bounds decide whether to go on. Above ``TOLERATED`` for
sure: a regression. Below ``MATTERS`` for sure: fine. Neither: more pairs. Where pairs run out, it is
a regression if it is beyond the noise (the lower bound is above 1) and more than is tolerated.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

TOLERATED = 1.05
"""A ratio that nobody fails for, whatever was measured."""
MATTERS = 1.10
"""A ratio that is not waved through."""
ERROR_RATE = 0.005
"""Of one look at one bound; there are few looks."""
LEAST_PAIRS = 8
"""With fewer, one pair far out is a bound."""
FIRST_LOOK = 10
PAIRS_BETWEEN_LOOKS = 4


class Verdict(enum.Enum):
    """What the pairs so far say."""

    FINE = "fine"
    REGRESSION = "regression"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Estimate:
    """New to old: above 1 the new one takes longer. Both bounds are one-sided."""

    ratio: float
    lower: float
    upper: float
    pairs: int

    def __str__(self) -> str:
        return f"{self.ratio:.3f} ({self.lower:.3f} to {self.upper:.3f}, {self.pairs} pairs)"


def is_time_to_look(pairs: int) -> bool:
    """Whether bounds are to be looked at after so many pairs; each look may err once."""
    return pairs >= FIRST_LOOK and (pairs - FIRST_LOOK) % PAIRS_BETWEEN_LOOKS == 0


def estimate(ratios: Sequence[float]) -> Estimate:
    """Of at least one pair; with very few pairs the bounds are the extremes that were seen."""
    logs = [math.log(ratio) for ratio in ratios]
    means = sorted((a + b) / 2 for i, a in enumerate(logs) for b in logs[i:])
    cut = _ranks_to_cut(len(logs))
    return Estimate(
        ratio=math.exp(_median_of_sorted(means)),
        lower=math.exp(means[cut]),
        upper=math.exp(means[-1 - cut]),
        pairs=len(logs),
    )


def judge(found: Estimate) -> Verdict:
    """What the bounds say for sure."""
    if found.lower > TOLERATED:
        return Verdict.REGRESSION
    if found.upper < MATTERS:
        return Verdict.FINE
    return Verdict.UNDECIDED


def judge_at_last(found: Estimate) -> Verdict:
    """The same when there will be no more pairs."""
    verdict = judge(found)
    if verdict is not Verdict.UNDECIDED:
        return verdict
    is_slower = found.lower > 1 and found.ratio > TOLERATED
    return Verdict.REGRESSION if is_slower else Verdict.FINE


def _median_of_sorted(values: Sequence[float]) -> float:
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


@cache
def _ranks_to_cut(pairs: int) -> int:
    """How many of the smallest pairwise means may be cut off, so that the true ratio lies below
    the next one with a probability of at most ERROR_RATE."""
    sums = [1]  # how many subsets of the ranks 1..n have each sum
    for rank in range(1, pairs + 1):
        wider = [0] * (len(sums) + rank)
        for total, count in enumerate(sums):
            wider[total] += count
            wider[total + rank] += count
        sums = wider
    allowed = ERROR_RATE * 2**pairs
    below, cut = 0, 0
    for count in sums:
        below += count
        if below > allowed:
            break
        cut += 1
    return max(0, cut - 1)
