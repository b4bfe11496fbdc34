"""Rigs: every engine in every mode, with the store that it moves to and from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from s3lo.bucket.boto_wire import s3_client
from s3lo.bucket.local import LocalStore
from s3lo.bucket.s3 import S3Store
from s3lo.bucket.store import Store
from s3lo.engine.backend import LocalConfig
from s3lo.engine.crt.wire import NativeWire
from s3lo.engine.options import EngineOptions
from s3lo.engine.parallel import ParallelEngine
from s3lo.engine.plan import MIB
from s3lo.engine.report import EngineReport
from s3lo.engine.sockets.wire import SocketWire
from s3lo.engine.transfers import Engine
from s3lo.engine.whole_objects import WholeObjectEngine
from s3lo.model.objects import Credentials, Endpoint, Request
from s3lo.model.reference import Location
from tests.servers import SeaweedS3

MODES = (
    "serial",
    "one-process",
    "processes",
    "awscrt",
    "awscrt-processes",
    "direct",
    "s3transfer",
    "local",
)


@dataclass(frozen=True)
class Rig:
    """An engine with the store it moves to and from, and what it must report of itself."""

    engine: Engine
    store: Store
    mode: str
    processes: int
    means: str
    uploads: Callable[[], bytes]

    def check(self, report: EngineReport) -> None:
        assert report.backend == self.means
        assert (report.mode, report.processes) == (self.mode, self.processes)
        assert report.peak_rss_bytes > 10 * MIB
        assert report.max_in_flight_reached >= 1


def make_rig(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    """The engine of a mode, and a store for it."""
    processes = {"one-process": 1, "processes": 2, "awscrt-processes": 2}.get(name, 0)
    means = "native" if name.startswith("awscrt") else "sockets"
    options = EngineOptions(
        processes=processes,
        part_size_bytes=5 * MIB,
        direct_io=name == "direct",
    )
    if name == "local":
        root = tmp_path / "store"
        local = LocalStore(Location("local", str(root)))
        engine = ParallelEngine(LocalConfig(str(root)), options)
        return Rig(engine, local, "serial", 0, "local", lambda: _pending(root))
    seaweed: SeaweedS3 = request.getfixturevalue("seaweed")
    bucket: str = request.getfixturevalue("bucket")
    credentials = Credentials(seaweed.access_key, seaweed.secret_key)
    endpoint = Endpoint(bucket, "us-east-1", seaweed.endpoint_url, path_style=True)
    kind = NativeWire if means == "native" else SocketWire
    wire = kind(endpoint, lambda: credentials)
    store = S3Store(Location("s3", bucket), endpoint, wire)
    request.addfinalizer(store.close)

    def uploads() -> bytes:
        listed = Request("GET", "ListMultipartUploads", query=(("uploads", ""),))
        return b"<UploadId>" if b"<UploadId>" in wire.send(listed).body else b""

    if name == "s3transfer":
        client = s3_client(endpoint, lambda: credentials)
        whole = WholeObjectEngine(lambda: client, bucket, options)
        return Rig(whole, store, "serial", 0, "s3transfer", uploads)
    mode = "processes" if processes else "serial"
    engine = ParallelEngine(wire, options)
    return Rig(engine, store, mode, processes, means, uploads)


def _pending(root: Path) -> bytes:
    pending = root / ".s3lo-pending"
    return b"pending" if pending.exists() and any(pending.iterdir()) else b""
