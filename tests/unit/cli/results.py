"""Results as operations return them, for tests of how they are shown."""

from __future__ import annotations

from s3lo.bucket.rule_settings import Setting
from s3lo.engine.report import EngineReport
from s3lo.model.documents import HistoryEntry
from s3lo.operations.config import ConfigResult
from s3lo.operations.results import (
    CleanResult,
    CopiesResult,
    CopyResult,
    DeletedTag,
    DeleteResult,
    InspectResult,
    LayerSummary,
    Phases,
    PlatformSummary,
    PrunedTag,
    PulledBlob,
    PullResult,
    PushedBlob,
    PushResult,
    SharedBlob,
    SignatureSummary,
    StatsResult,
    TuneResult,
)

DIGEST = "sha256:" + "0" * 64
ENGINE = EngineReport(
    mode="processes",
    backend="native",
    processes=2,
    part_size=8 << 20,
    max_in_flight_reached=25,
    target_gbps=10.0,
    target_source="nic",
)
PUSHED = PushResult(
    reference="s3://bucket/app:v1",
    digest=DIGEST,
    platform="linux/amd64",
    blobs=(
        PushedBlob(DIGEST, 3_000_000, "application/x", uploaded=True),
        PushedBlob(DIGEST, 1_000, "application/y", uploaded=False),
    ),
    bytes=3_001_000,
    bytes_uploaded=3_000_000,
    seconds=1.5,
    engine=ENGINE,
)
PULLED = PullResult(
    reference="s3://bucket/app:v1",
    digest=DIGEST,
    platform="linux/amd64",
    destination="docker",
    image_id=DIGEST,
    blobs=(PulledBlob(DIGEST, 3_000_000, transferred=True),),
    bytes=3_000_000,
    bytes_transferred=3_000_000,
    seconds=1.25,
    phases=Phases(resolve=0.25, transfer=0.5, load=0.5),
    gbps=0.048,
    engine=ENGINE,
)
INSPECTED = InspectResult(
    reference="s3://bucket/app:v1",
    image="app",
    tag="v1",
    digest=DIGEST,
    media_type="application/x",
    size=1000,
    platforms=(
        PlatformSummary(
            platform="linux/arm64/v8",
            os="linux",
            architecture="arm64",
            variant="v8",
            digest=DIGEST,
            media_type="application/x",
            config_digest=DIGEST,
            created="2026-01-02T03:04:05Z",
            size=3_001_000,
            layers=(LayerSummary(DIGEST, 3_000_000, "application/y"),),
            history=(
                HistoryEntry(created_by="COPY a\t b"),
                HistoryEntry(created_by="CMD x", empty_layer=True),
            ),
        ),
    ),
    attestations=(DIGEST,),
    signatures=(SignatureSummary("0123456789abcdef", 2, "2026-01-02T03:04:05Z"),),
)
DELETED = DeleteResult(
    reference="s3://bucket/app:v1",
    tags=(
        DeletedTag(
            "app", "v1", DIGEST, ("manifests/app/v1/manifest.json", "manifests/app/v1/oci-layout")
        ),
    ),
    dry_run=False,
)
CONFIGURED = ConfigResult(
    reference="s3://bucket/app",
    settings={
        "immutable": Setting(True, "images.app"),
        "lifecycle.keep_last": Setting(None, "built-in"),
        "lifecycle.keep_tags": Setting(("a", "b"), "default"),
    },
    sections=("default", "images.app"),
)
COUNTED = StatsResult(
    images=2,
    tags=9,
    blobs=30,
    stored_bytes=3_000_000,
    logical_bytes=9_000_000,
    saved_bytes=6_000_000,
    by_storage_class={"INTELLIGENT_TIERING": 2_900_000, "STANDARD": 100_000},
    monthly_cost_usd=1.234,
    prices="a list",
    layers=(SharedBlob(DIGEST, 1_000_000, 7, tuple("abcdefg"), 6_000_000),),
    unreadable=(),
)
TUNED = TuneResult(
    target_gbps=10.0,
    target_source="nic",
    interfaces=("eth0",),
    instance_type="",
    cpus=2,
    processes=1,
    part_size=8 << 20,
    initial_in_flight=2,
    wanted_in_flight=25,
    max_in_flight=100,
    memory_limit=1 << 30,
    reasons=("eth0 is the interface of the default route",),
)
COPIED = CopyResult(
    source="docker.io/library/alpine:latest",
    reference="s3://bucket/alpine:v1",
    digest=DIGEST,
    platforms=("linux/amd64", "linux/arm64"),
    blobs_copied=7,
    blobs_skipped=2,
    attached=1,
    bytes_transferred=3_000_000,
    seconds=1.5,
    engine=PUSHED.engine,
)
COPIES = CopiesResult((COPIED,), (), 3_000_000, 2.5)
CLEANED = CleanResult(
    tags_pruned=2,
    blobs_deleted=1,
    chunks_deleted=0,
    uploads_aborted=3,
    bytes_freed=1_500_000,
    dry_run=True,
    tags=(
        PrunedTag("dev/app", "v1", "max_age", "7d", "images.dev/*"),
        PrunedTag("app", "sha256-0.sig", "referrer", DIGEST, ""),
    ),
    errors=(),
)
