"""Results as operations return them, for tests of how they are shown."""

from __future__ import annotations

from s3lo.engine.report import EngineReport
from s3lo.operations.results import (
    Phases,
    PulledBlob,
    PullResult,
    PushedBlob,
    PushResult,
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
