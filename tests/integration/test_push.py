"""What push promises beyond moving bytes: repair, artifacts, new stores, and ending when asked."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from threading import Event as Flag

import pytest

import s3lo
from s3lo.events import BytesMoved, Event, Note
from tests.images import sized_image, write_oci_layout
from tests.servers import SeaweedS3
from tests.unit.transports import builders

pytestmark = pytest.mark.usefixtures("aws_env")


@pytest.fixture
def source(tmp_path: Path) -> str:
    write_oci_layout(sized_image(tmp_path, (300_000, 200_000)), tmp_path / "source")
    return f"oci:{tmp_path / 'source'}"


def test_force_repairs_what_pull_says_is_damaged(
    seaweed: SeaweedS3, bucket: str, source: str, tmp_path: Path
) -> None:
    """A wrong byte in a blob of the right size looks present to any other push."""
    reference = f"s3://{bucket}/app:v1"
    pushed = s3lo.push(source, reference)
    largest = max(pushed.blobs, key=lambda blob: blob.size)
    key = f"blobs/sha256/{largest.digest[7:]}"
    seaweed.client.put_object(Bucket=bucket, Key=key, Body=bytes(largest.size))
    with pytest.raises(s3lo.S3loError) as damaged:
        s3lo.pull(reference, to=f"oci:{tmp_path / 'out'}")
    assert damaged.value.exit_code == 5
    assert "--force" in damaged.value.hint
    repaired = s3lo.push(source, reference, force=True)
    assert all(blob.uploaded for blob in repaired.blobs)
    assert s3lo.pull(reference, to=f"oci:{tmp_path / 'out'}").digest == pushed.digest


def test_an_artifact_whose_config_is_no_image_config_goes_both_ways(
    bucket: str, tmp_path: Path
) -> None:
    """Its tag was written, and then the push failed for want of a platform."""
    blobs = tmp_path / "artifact" / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(content: bytes, media_type: str) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    oci = "application/vnd.oci.image"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{oci}.manifest.v1+json",
        "config": put(b"not json", "application/vnd.example.config"),
        "layers": [put(b"content", "application/vnd.example.thing")],
    }
    entry = put(json.dumps(manifest).encode(), f"{oci}.manifest.v1+json")
    index = {"schemaVersion": 2, "manifests": [entry]}
    (tmp_path / "artifact" / "index.json").write_text(json.dumps(index))
    (tmp_path / "artifact" / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    pushed = s3lo.push(f"oci:{tmp_path / 'artifact'}", f"s3://{bucket}/art:v1")
    pulled = s3lo.pull(f"s3://{bucket}/art:v1", to=f"oci:{tmp_path / 'out'}")
    assert (pushed.digest, pushed.platform) == (entry["digest"], "")
    assert (pulled.digest, pulled.platform) == (entry["digest"], "")


def test_two_of_three_platforms_are_pushed_and_pulled(bucket: str, tmp_path: Path) -> None:
    found = [builders.platform_image(each) for each in ("amd64", "arm64", "s390x")]
    raw = builders.index([entry for entry, _ in found])
    blobs = [raw, *(blob for _, each in found for blob in each)]
    files = builders.layout([builders.descriptor(raw, builders.INDEX_TYPE)], blobs)
    source = f"oci:{builders.write_tree(files, tmp_path / 'source')}"
    reference = f"s3://{bucket}/app:v1"
    pushed = s3lo.push(source, reference, platform=["linux/s390x", "linux/amd64"])
    assert pushed.platform == "linux/amd64, linux/s390x"
    assert pushed.digest != f"sha256:{hashlib.sha256(raw).hexdigest()}"
    for (entry, _), architecture in zip(found[::2], ("amd64", "s390x"), strict=True):
        target = f"oci:{tmp_path / architecture}"
        pulled = s3lo.pull(reference, to=target, platform=f"linux/{architecture}")
        assert pulled.digest == entry["digest"]
    with pytest.raises(s3lo.S3loError) as missing:
        s3lo.pull(reference, to=f"oci:{tmp_path / 'arm64'}", platform="linux/arm64")
    assert missing.value.exit_code == 3


def test_a_push_says_which_store_it_makes(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    notes: list[str] = []

    def observe(event: Event) -> None:
        if isinstance(event, Note) and event.level == 0:
            notes.append(event.text)

    s3lo.push(source, "local://./store/team/app:v1", observer=observe)
    assert notes == [f"a new store is made at {tmp_path / 'store'}"]
    s3lo.push(source, "local://./store/team/app:v2", observer=observe)
    assert len(notes) == 1


def test_a_push_ends_while_it_still_reads_the_image(bucket: str, tmp_path: Path) -> None:
    write_oci_layout(sized_image(tmp_path, (9_000_000,)), tmp_path / "plain", compress=False)
    cancel = Flag()
    seen: list[Event] = []

    def observe(event: Event) -> None:
        seen.append(event)
        if isinstance(event, BytesMoved) and event.phase == "save":
            cancel.set()

    with pytest.raises(s3lo.S3loError) as caught:
        reference = f"s3://{bucket}/app:v1"
        s3lo.push(f"oci:{tmp_path / 'plain'}", reference, observer=observe, cancel=cancel)
    assert caught.value.exit_code == 130
    assert not any(isinstance(event, BytesMoved) and event.phase == "transfer" for event in seen)
