"""Standing: how one contender did in a workload, next to s3lo; what table and chart both show."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from perf.figures import Spread, gbps, paired_ratio, spread
from perf.outcome import Outcome, Run

OURS = "s3lo"
_MIB = 1 << 20


@dataclass(frozen=True)
class Standing:
    """One contender's figures over all counted rounds."""

    name: str
    walls_seconds: tuple[float, ...]
    """In the order of the rounds."""
    wall_seconds: Spread
    goodput_gbps: float
    """At the median wall."""
    cpu_seconds_per_gb: float | None
    """Median, per 10^9 bytes of payload; None where nothing is moved."""
    peak_mib: float
    """The most of all rounds."""
    requests: int | None
    """Median; None where the origin does not count."""
    refused: int
    """Median, of these."""
    ratio: Spread | None
    """Wall of s3lo to this one's, paired by round; None for s3lo itself, or where it did not run."""

    @property
    def is_ours(self) -> bool:
        return self.name == OURS


def standings(outcome: Outcome) -> tuple[Standing, ...]:
    """Those that count, the fastest first."""
    counted = [
        name
        for name in outcome.contenders
        if outcome.rounds
        and name not in outcome.left_out
        and all(name in each for each in outcome.rounds)
    ]
    ours = [each[OURS] for each in outcome.rounds] if OURS in counted else None
    every = [_standing(outcome, name, ours) for name in counted]
    return tuple(sorted(every, key=lambda standing: standing.wall_seconds.median))


def _standing(outcome: Outcome, name: str, ours: Sequence[Run] | None) -> Standing:
    runs = [each[name] for each in outcome.rounds]
    walls = [run.wall_seconds for run in runs]
    wall = spread(walls)
    ratio = None
    if ours is not None and name != OURS:
        ratio = paired_ratio([run.wall_seconds for run in ours], walls)
    return Standing(
        name=name,
        walls_seconds=tuple(walls),
        wall_seconds=wall,
        goodput_gbps=gbps(outcome.payload_bytes, wall.median),
        cpu_seconds_per_gb=_cpu_seconds_per_gb(runs, outcome.payload_bytes),
        peak_mib=max(run.peak_rss_bytes for run in runs) / _MIB,
        requests=_requests(runs),
        refused=statistics.median_high(run.refused for run in runs),
        ratio=ratio,
    )


def _cpu_seconds_per_gb(runs: Sequence[Run], payload_bytes: int) -> float | None:
    if not payload_bytes:
        return None
    return statistics.median(run.cpu_seconds for run in runs) / (payload_bytes / 1e9)


def _requests(runs: Sequence[Run]) -> int | None:
    counts = [run.requests for run in runs if run.requests is not None]
    return statistics.median_high(counts) if len(counts) == len(runs) else None


def peers(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Every contender but s3lo, in the order in which they first stand in an outcome."""
    names = {name: None for outcome in outcomes for name in outcome.contenders if name != OURS}
    return tuple(names)
