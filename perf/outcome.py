"""Outcome: what was measured of a workload, and where; what reports are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """One run of one contender whose output was right."""

    wall_seconds: float
    cpu_seconds: float
    """User and system time of all its processes."""
    peak_rss_bytes: int
    """The most that all its processes held at one moment, sampled."""
    requests: int | None
    """HTTP requests that the origin saw; None where the origin does not count."""
    refused: int = 0
    """Of these, what it answered with 503."""


@dataclass(frozen=True)
class Outcome:
    """The counted rounds of one workload: in each, every contender ran once, in turn."""

    workload: str
    about: str
    payload_bytes: int
    """What one run moves, over all its clients."""
    verified: bool
    checked: str
    """What was checked of every run's output, in words."""
    conditions: str
    """The origin and the network, in words."""
    versions: Mapping[str, str]
    """Contender to version; the first is s3lo."""
    rounds: tuple[Mapping[str, Run], ...]
    left_out: Mapping[str, str]
    """Contender to the reason why it did not run or did not count."""

    @property
    def contenders(self) -> tuple[str, ...]:
        return tuple(self.versions)
