"""Report: what the engine did, for people and for checks."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Mode = Literal["serial", "processes"]
TargetSource = Literal["flag", "nic", "ec2-table", "default"]


class EngineReport(Struct, frozen=True):
    """Counted while it ran, never assumed. ``peak_rss_bytes`` adds the peaks of all processes."""

    mode: Mode
    backend: str
    processes: int
    part_size: int
    max_in_flight_reached: int
    target_gbps: float
    target_source: TargetSource
    throttled: int = 0
    retries: int = 0
    peak_rss_bytes: int = 0
    reused_bytes: int = 0
    """What an earlier transfer that was interrupted had left, and was not moved again."""
