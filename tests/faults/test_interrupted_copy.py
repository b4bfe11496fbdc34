"""A copy from bucket to bucket that is interrupted or killed while the service copies a large blob."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import serving
from tests.faults.command import Commands, Running, eventually
from tests.servers import Origin, OriginOptions, Unruly
from tests.servers.unruly import Gate
from tests.stores import LINUX_AMD64, OCI, digest_of, encoded

LAYER_BYTES = 300 << 20
"""Zeros, of which no disk is needed: more than is copied by one request."""
SOURCE, TARGET = "s3://source/app:v1", "s3://target/app:v1"


@dataclass
class Rig:
    origin: Origin
    proxy: Unruly
    s3lo: Commands

    def start_until_parts_hang(self) -> tuple[Running, Gate]:
        """A copy of whose parts two are there, while the others are waited for."""
        gate = Gate()
        self.proxy.when("PUT", "partNumber=", gate, after=2)
        copy = self.s3lo.start("copy", SOURCE, TARGET)
        gate.wait_for(2)
        return copy, gate


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    root, scratch = tmp_path / "root", tmp_path / "scratch"
    scratch.mkdir()
    _write_image(root / "source")
    (root / "target").mkdir()
    with ExitStack() as stack:
        origin = stack.enter_context(serving(Origin(root, OriginOptions(sink="memory"))))
        proxy = stack.enter_context(Unruly(origin.url))
        variables = {
            "AWS_ENDPOINT_URL": proxy.url,
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }
        s3lo = Commands(variables, scratch)
        stack.callback(s3lo.close)
        yield Rig(origin, proxy, s3lo)


def _write_image(bucket: Path) -> None:
    blobs, tag = bucket / "blobs" / "sha256", bucket / "manifests" / "app" / "v1"
    blobs.mkdir(parents=True)
    tag.mkdir(parents=True)
    zeros = hashlib.sha256()
    for _ in range(LAYER_BYTES >> 20):
        zeros.update(bytes(1 << 20))
    with open(blobs / zeros.hexdigest(), "wb") as file:
        file.truncate(LAYER_BYTES)
    layer = _descriptor("layer.v1.tar", f"sha256:{zeros.hexdigest()}", LAYER_BYTES)
    rootfs = {"type": "layers", "diff_ids": [layer["digest"]]}
    config = encoded({**LINUX_AMD64, "rootfs": rootfs})
    (blobs / digest_of(config)[7:]).write_bytes(config)
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": _descriptor("config.v1+json", digest_of(config), len(config)),
        "layers": [layer],
    }
    (tag / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    (tag / "manifest.json").write_bytes(encoded(manifest))


def _descriptor(kind: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": f"{OCI}.{kind}", "digest": digest, "size": size}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_an_interrupted_copy_leaves_no_upload(number: signal.Signals, rig: Rig) -> None:
    """The process ends at once when it has cleaned up: no thread that is behind does anything more."""
    copy, gate = rig.start_until_parts_hang()
    assert rig.origin.counters().open_uploads == 1
    copy.signal_group(number)
    copy.wait(8).fails(128 + number, "interrupted")
    assert rig.origin.counters().open_uploads == 0
    assert not any("manifests" in key for key in rig.origin.objects())
    gate.open()


def test_a_killed_copy_is_made_by_the_next(rig: Rig) -> None:
    """Its upload stays, for ``clean`` to take; nothing that is visible is half done."""
    copy, gate = rig.start_until_parts_hang()
    copy.signal_group(signal.SIGKILL)
    copy.wait(8)
    assert rig.origin.counters().open_uploads == 1
    assert not any("manifests" in key for key in rig.origin.objects())
    gate.open()
    before = rig.origin.counters()
    result = rig.s3lo.run("copy", SOURCE, TARGET, "-o", "json").result
    after = rig.origin.counters()
    assert result["blobs_copied"] >= 1
    assert after.bytes_sent - before.bytes_sent < 1 << 20, "no byte of the layer passed here"
    assert after.bytes_received - before.bytes_received < 1 << 20
    assert eventually(lambda: "target/manifests/app/v1/manifest.json" in rig.origin.objects())
    assert after.open_uploads == 1
