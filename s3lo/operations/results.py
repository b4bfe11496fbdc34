"""Results: what operations return. ``to_json`` gives the documented keys of CLI.md."""

from __future__ import annotations

import datetime
from typing import Any

from msgspec import Struct, to_builtins

from s3lo.engine.report import EngineReport
from s3lo.model.documents import HistoryEntry


def written(moment: datetime.datetime | None) -> str:
    """A moment in ISO 8601, UTC; empty where it is not known."""
    if moment is None:
        return ""
    utc = moment.astimezone(datetime.timezone.utc)
    if utc.microsecond:
        utc = utc.replace(microsecond=0)
    text: str = to_builtins(utc)  # a tenth of isoformat's time, in lists of many
    return text


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


class CopyResult(Result, frozen=True):
    """What a copy did. ``bytes_transferred`` passed this machine: what a service copied by itself did
    not."""

    source: str
    reference: str
    digest: str
    platforms: tuple[str, ...]
    blobs_copied: int
    blobs_skipped: int
    """That were there."""
    attached: int
    """Tags with what refers to the image, that came along."""
    bytes_transferred: int
    seconds: float
    engine: EngineReport


class FailedCopy(Struct, frozen=True):
    """An image that was not copied, and why."""

    source: str
    reference: str
    code: str
    message: str
    exit_code: int


class CopiesResult(Result, frozen=True):
    """What many copies did."""

    copies: tuple[CopyResult, ...]
    failed: tuple[FailedCopy, ...]
    bytes_transferred: int
    seconds: float

    @property
    def exit_code(self) -> int:
        """0 where all went well; else that of the failures where they agree, or 1."""
        codes = {each.exit_code for each in self.failed}
        return (codes.pop() if len(codes) == 1 else 1) if codes else 0


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


class LayerSummary(Struct, frozen=True):
    digest: str
    size: int
    media_type: str


class SignatureSummary(Struct, frozen=True):
    key_id: str
    size: int
    last_modified: str


class PlatformSummary(Struct, frozen=True):
    """One platform's image. ``size`` counts its blobs: config and layers."""

    platform: str
    """Empty for an artifact that is no image."""
    os: str
    architecture: str
    variant: str
    digest: str
    media_type: str
    config_digest: str
    created: str
    size: int
    layers: tuple[LayerSummary, ...]
    history: tuple[HistoryEntry, ...]


class InspectResult(Result, frozen=True):
    """What a tag or a digest is. ``size`` is that of the manifest or index itself."""

    reference: str
    image: str
    tag: str
    digest: str
    media_type: str
    size: int
    platforms: tuple[PlatformSummary, ...]
    attestations: tuple[str, ...]
    """Digests of what an index has beside platforms."""
    signatures: tuple[SignatureSummary, ...]


class DeletedTag(Struct, frozen=True):
    image: str
    tag: str
    digest: str
    """Empty where the manifest was too large to be one."""
    keys: tuple[str, ...]


class DeleteResult(Result, frozen=True):
    """What a delete removed, or would remove."""

    reference: str
    tags: tuple[DeletedTag, ...]
    dry_run: bool


class PrunedTag(Struct, frozen=True):
    """A tag that a rule let go of."""

    image: str
    tag: str
    rule: str
    """``keep_last``, ``max_age``, or ``referrer``: what the tag belonged to is gone."""
    limit: str
    """Of the rule: a count, a duration, or the digest of what is gone."""
    source: str
    """The section of the rules that says so."""


class CleanResult(Result, frozen=True):
    """What a clean deleted; with ``dry_run``, what it would delete."""

    tags_pruned: int
    blobs_deleted: int
    chunks_deleted: int
    """Of layers in chunks (Go tool): chunks, recipes, indexes."""
    uploads_aborted: int
    bytes_freed: int
    """Of blobs and chunks."""
    dry_run: bool
    tags: tuple[PrunedTag, ...]
    errors: tuple[str, ...]
    """What could not be read, and then nothing was deleted; or what could not be deleted."""


class SharedBlob(Struct, frozen=True):
    """A blob that several tags have, and what it saves that it is stored once."""

    digest: str
    size: int
    tags: int
    images: tuple[str, ...]
    saved_bytes: int


class StatsResult(Result, frozen=True):
    """What a store holds. ``logical_bytes`` is what its tags would take in a store each;
    ``saved_bytes`` what of that is not stored because they share it."""

    images: int
    tags: int
    blobs: int
    stored_bytes: int
    """Manifests, blobs and chunks, also those that no tag refers to."""
    logical_bytes: int
    saved_bytes: int
    by_storage_class: dict[str, int]
    """Bytes; ``LOCAL`` in a directory."""
    monthly_cost_usd: float
    prices: str
    """Where the prices come from, of which region and month."""
    layers: tuple[SharedBlob, ...]
    """Those whose sharing saves most, if that was asked for."""
    unreadable: tuple[str, ...]
    """Manifests that could not be read, and why; what they refer to is not counted."""


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
