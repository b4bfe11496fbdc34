"""Results: what operations return. ``to_json`` gives the documented keys of CLI.md."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, to_builtins

from s3lo.engine.report import EngineReport


class Result(Struct, frozen=True):
    """What an operation returns."""

    def to_json(self) -> dict[str, Any]:
        """Its fields by name, and theirs."""
        fields: dict[str, Any] = to_builtins(self)
        return fields


class PushedBlob(Struct, frozen=True):
    digest: str
    size: int
    media_type: str
    uploaded: bool


class PulledBlob(Struct, frozen=True):
    digest: str
    size: int
    transferred: bool


class Phases(Struct, frozen=True):
    """Wall seconds of a pull's phases."""

    resolve: float
    transfer: float
    load: float


class PushResult(Result, frozen=True):
    """What a push did. ``bytes`` counts every blob, ``bytes_uploaded`` those that moved."""

    reference: str
    digest: str
    platform: str
    blobs: tuple[PushedBlob, ...]
    bytes: int
    bytes_uploaded: int
    seconds: float
    engine: EngineReport


class PullResult(Result, frozen=True):
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


class ListedTag(Result, frozen=True):
    """A tag of a store. What only its manifest tells is empty where that was not read."""

    image: str
    tag: str
    digest: str
    media_type: str
    platforms: tuple[str, ...]
    last_modified: str
    """ISO 8601, UTC."""
    problem: str = ""
    """Why the manifest could not be read, or not understood."""


class TuneResult(Result, frozen=True):
    """What the engine sees of this machine and what it would choose, with a reason for each."""

    target_gbps: float
    target_source: str
    interfaces: tuple[str, ...]
    instance_type: str
    cpus: int
    processes: int
    part_size: int
    initial_in_flight: int
    wanted_in_flight: int
    """Where the CPUs idle with those."""
    max_in_flight: int
    memory_limit: int
    reasons: tuple[str, ...]
