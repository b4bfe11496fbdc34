"""Results: what push, pull and tune return. ``to_json`` gives the documented keys of CLI.md."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from s3lo.engine.report import EngineReport


@dataclass(frozen=True, slots=True)
class PushedBlob:
    digest: str
    size: int
    media_type: str
    uploaded: bool


@dataclass(frozen=True, slots=True)
class PulledBlob:
    digest: str
    size: int
    transferred: bool


@dataclass(frozen=True, slots=True)
class Phases:
    """Wall seconds of a pull's phases."""

    resolve: float
    transfer: float
    load: float


@dataclass(frozen=True, slots=True)
class PushResult:
    """What a push did. ``bytes`` counts every blob, ``bytes_uploaded`` those that moved."""

    reference: str
    digest: str
    platform: str
    blobs: tuple[PushedBlob, ...]
    bytes: int
    bytes_uploaded: int
    seconds: float
    engine: EngineReport

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PullResult:
    """What a pull did. ``gbps`` is goodput of the transfer phase in gigabits per second."""

    reference: str
    digest: str
    platform: str
    destination: str
    image_id: str
    blobs: tuple[PulledBlob, ...]
    bytes: int
    bytes_transferred: int
    seconds: float
    phases: Phases
    gbps: float
    engine: EngineReport

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TuneResult:
    """What the engine sees of this machine and what it would choose, with a reason for each."""

    target_gbps: float
    target_source: str
    interfaces: tuple[str, ...]
    instance_type: str
    cpus: int
    processes: int
    part_size: int
    initial_in_flight: int
    max_in_flight: int
    memory_limit: int
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}
