"""Options: what a user may ask of the engine. What it then chooses is in ``settings``."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class EngineOptions(Struct, frozen=True):
    """Wishes; None leaves the choice to the engine."""

    target_gbps: float | None = None
    """The throughput to aim at, in gigabits per second."""
    processes: int | None = None
    """Worker processes; 0 runs everything in this process."""
    part_size_bytes: int | None = None
    max_in_flight: int | None = None
    """Parts in flight over all workers, at most."""
    memory_limit_bytes: int | None = None
    """For all processes together (default: the smaller of 1 GiB and an eighth of the RAM)."""
    verify: Literal["sha256", "none"] = "sha256"
    """Whether what was pulled is hashed and compared; pushes always are."""
    backend: Literal["auto", "native", "s3transfer"] = "auto"
    """Which client moves the bytes; auto uses sockets, where no proxy is to be passed, native
    awscrt's client."""
    interfaces: tuple[str, ...] = ()
    """Network interfaces that connections are spread over; none leaves it to the routes."""
    direct_io: bool = False
    """Write what is received on sockets past the page cache, where the file system can."""
