"""Figures: medians, spreads and paired ratios of interleaved runs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """A median between the least and the most that was seen."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Ours to theirs, round by round: what drifts over a run is the same in both."""
    return spread([a / b for a, b in zip(ours, theirs, strict=True)])


def gbps(payload_bytes: int, seconds: float) -> float:
    """Goodput in Gbit/s (10^9 bits)."""
    return payload_bytes * 8 / seconds / 1e9
