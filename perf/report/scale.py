"""Scale: from a figure to a place on an axis, with the ticks that stand under it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

_LOG_STEPS = (
    (1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 7, 8, 9),
    (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9),
    (1, 1.5, 2, 3, 4, 5, 7),
    (1, 2, 5),
    (1,),
)
"""Ticks of one decade, the finest first."""
_LEAST_GAP = 0.05
"""Between two ticks, as a share of the axis: less, and their labels touch."""


@dataclass(frozen=True)
class Scale:
    """An axis from its first tick to its last; ``warp`` is what makes it straight."""

    ticks: tuple[float, ...]
    warp: Callable[[float], float]

    def share(self, value: float) -> float:
        """Where a figure stands: 0 at the first tick, 1 at the last."""
        first, last = self.warp(self.ticks[0]), self.warp(self.ticks[-1])
        return (self.warp(value) - first) / (last - first)


@dataclass(frozen=True)
class Axis:
    """A scale laid between two pixels."""

    scale: Scale
    left: float
    right: float

    def x(self, value: float) -> float:
        return self.left + (self.right - self.left) * self.scale.share(value)


def linear(most: float) -> Scale:
    """From 0 to ``most`` (above 0) or a little more, in three to seven steps of 1, 2 or 5."""
    power = 10.0 ** math.floor(math.log10(most))
    step = next(x * power for x in (0.2, 0.5, 1, 2) if most / (x * power) <= 7)
    count = math.ceil(round(most / step, 9))
    return Scale(tuple(round(i * step, 12) for i in range(count + 1)), float)


def logarithmic(least: float, most: float) -> Scale:
    """Around 1 and both figures, in the finest steps whose labels do not touch."""
    for steps in _LOG_STEPS:
        scale = Scale(_log_ticks(min(least, 1), max(most, 1), steps), math.log)
        if min(scale.share(b) - scale.share(a) for a, b in pairwise(scale.ticks)) >= _LEAST_GAP:
            break
    return scale


def _log_ticks(least: float, most: float, steps: tuple[float, ...]) -> tuple[float, ...]:
    """From the last tick at or below 1 step under ``least`` to the first above ``most``."""
    decades = range(math.floor(math.log10(least)) - 1, math.ceil(math.log10(most)) + 2)
    every = [float(f"{step}e{decade}") for decade in decades for step in steps]
    first = max(i for i, tick in enumerate(every) if tick < least)
    last = min(i for i, tick in enumerate(every) if tick > most)
    return tuple(every[first : last + 1])


def label(tick: float) -> str:
    return f"{tick:.6g}"
