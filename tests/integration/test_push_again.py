"""A push does nothing twice: layers that a store has are neither compressed nor sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import s3lo
from s3lo.events import BytesMoved, Event, Note, PhaseStarted
from s3lo.transports.image import Compression
from tests.images import Image, image_of, sized_image, write_docker_archive, write_oci_layout
from tests.servers import Dockerd, SeaweedS3
from tests.servers.dockerd import emptied

pytestmark = pytest.mark.usefixtures("aws_env")
SIZES = (2_000_000, 3_000_000, 1_000_000)


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return sized_image(tmp_path, SIZES, seed=71)


@pytest.fixture
def changed(image: Image, tmp_path: Path) -> Image:
    """The same below another topmost layer."""
    (tmp_path / "other").mkdir()
    [top] = sized_image(tmp_path / "other", SIZES[-1:], seed=72).layers
    return image_of([*image.layers[:-1], top])


@pytest.fixture(params=["local", "remote"])
def daemon(
    request: pytest.FixtureRequest, dockerd: Dockerd, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """One whose files are read, and one that saves."""
    host = dockerd.host if request.param == "local" else dockerd.remote_host
    monkeypatch.setenv("DOCKER_HOST", host)
    with emptied(dockerd.host) as client:
        yield client


def load(daemon: Any, image: Image, tag: str, tmp_path: Path) -> str:
    archive = tmp_path / f"{image.id[7:]}.tar"
    write_docker_archive(image, archive, tag)
    with archive.open("rb") as file:
        daemon.load_image(file.read())
    return tag


class Watched:
    """A push and what it said of itself."""

    def __init__(self, source: str, reference: str, **more: Any) -> None:
        self.events: list[Event] = []
        self.result = s3lo.push(source, reference, observer=self.events.append, **more)

    @property
    def saved_bytes(self) -> int:
        moved = [e for e in self.events if isinstance(e, BytesMoved) and e.phase == "save"]
        return sum(event.bytes_ for event in moved)

    @property
    def notes(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, Note))

    @property
    def uploaded(self) -> set[str]:
        return {blob.digest for blob in self.result.blobs if blob.uploaded}


def layers_of(result: s3lo.PushResult) -> list[str]:
    return [blob.digest for blob in result.blobs if "layer" in blob.media_type]


def check_whole(reference: str, image: Image, tmp_path: Path) -> None:
    out = tmp_path / "pulled"
    s3lo.pull(reference, to=f"oci:{out}", force=True)
    [entry] = json.loads((out / "index.json").read_bytes())["manifests"]
    manifest = json.loads((out / "blobs/sha256" / entry["digest"][7:]).read_bytes())
    assert manifest["config"]["digest"] == image.id


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
def test_an_unchanged_image_is_not_even_read(
    daemon: Any, bucket: str, image: Image, tmp_path: Path, compression: Compression
) -> None:
    tag = load(daemon, image, "app:v1", tmp_path)
    first = Watched(tag, f"s3://{bucket}/app:v1", compression=compression)
    again = Watched(tag, f"s3://{bucket}/app:v2", compression=compression)
    assert first.saved_bytes > sum(SIZES)
    assert again.saved_bytes == 0
    assert again.result.digest == first.result.digest
    assert again.result.platform == first.result.platform
    assert not again.uploaded
    check_whole(f"s3://{bucket}/app:v2", image, tmp_path)


def test_of_a_changed_image_only_the_layer_that_changed_is_compressed_and_sent(
    daemon: Any, bucket: str, image: Image, changed: Image, tmp_path: Path
) -> None:
    first = Watched(load(daemon, image, "app:v1", tmp_path), f"s3://{bucket}/app:v1")
    second = Watched(load(daemon, changed, "app:v2", tmp_path), f"s3://{bucket}/app:v2")
    below, top = layers_of(second.result)[:-1], layers_of(second.result)[-1]
    assert below == layers_of(first.result)[:-1]
    assert second.uploaded == {top, changed.id}
    assert "2 of its blobs are in the store" in second.notes
    check_whole(f"s3://{bucket}/app:v2", changed, tmp_path)


def test_a_layer_is_known_from_another_image(
    bucket: str, image: Image, changed: Image, tmp_path: Path
) -> None:
    write_oci_layout(image, tmp_path / "one", compress=False)
    first = s3lo.push(f"oci:{tmp_path / 'one'}", f"s3://{bucket}/team/base:v1")
    write_oci_layout(changed, tmp_path / "two", compress=False)
    second = Watched(f"oci:{tmp_path / 'two'}", f"s3://{bucket}/app:v1")
    assert layers_of(second.result)[:-1] == layers_of(first)[:-1]
    assert len(second.uploaded) == 2


def test_a_link_among_the_manifests_of_others_keeps_no_push_from_its_end(
    image: Image, changed: Image, tmp_path: Path
) -> None:
    root = tmp_path / "store"
    (root / "blobs").mkdir(parents=True)
    write_oci_layout(image, tmp_path / "one", compress=False)
    s3lo.push(f"oci:{tmp_path / 'one'}", f"local://{root}/base:v1")
    (root / "manifests/other/v1").mkdir(parents=True)
    (root / "manifests/other/v1/manifest.json").symlink_to(root / "manifests/base/v1/manifest.json")
    write_oci_layout(changed, tmp_path / "two", compress=False)
    pushed = Watched(f"oci:{tmp_path / 'two'}", f"local://{root}/app:v1").result
    assert pushed.reference == f"local://{root}/app:v1"


def test_another_compression_is_another_layer(bucket: str, image: Image, tmp_path: Path) -> None:
    write_oci_layout(image, tmp_path / "one", compress=False)
    source = f"oci:{tmp_path / 'one'}"
    first = s3lo.push(source, f"s3://{bucket}/app:v1", compression="gzip")
    second = s3lo.push(source, f"s3://{bucket}/app:v2", compression="zstd")
    assert not set(layers_of(first)) & set(layers_of(second))


def test_force_makes_everything_anew(
    daemon: Any, bucket: str, image: Image, tmp_path: Path
) -> None:
    tag = load(daemon, image, "app:v1", tmp_path)
    s3lo.push(tag, f"s3://{bucket}/app:v1")
    forced = Watched(tag, f"s3://{bucket}/app:v1", force=True)
    assert forced.saved_bytes > sum(SIZES)
    assert len(forced.uploaded) == len(forced.result.blobs)


def test_a_layer_that_a_manifest_names_and_that_is_gone_is_made_again(
    daemon: Any, seaweed: SeaweedS3, bucket: str, image: Image, tmp_path: Path
) -> None:
    tag = load(daemon, image, "app:v1", tmp_path)
    first = s3lo.push(tag, f"s3://{bucket}/app:v1")
    gone = layers_of(first)[1]
    seaweed.client.delete_object(Bucket=bucket, Key=f"blobs/sha256/{gone[7:]}")
    assert Watched(tag, f"s3://{bucket}/app:v2").uploaded == {gone}


def test_a_held_layer_that_is_cleaned_away_meanwhile_is_made_again(
    daemon: Any, seaweed: SeaweedS3, bucket: str, image: Image, tmp_path: Path
) -> None:
    """The daemon was not even asked for it: the image has to be read after all."""
    tag = load(daemon, image, "app:v1", tmp_path)
    gone = layers_of(s3lo.push(tag, f"s3://{bucket}/app:v1"))[0]

    published: list[Event] = []

    def observe(event: Event) -> None:
        if isinstance(event, PhaseStarted) and event.phase == "publish":
            if not published:
                seaweed.client.delete_object(Bucket=bucket, Key=f"blobs/sha256/{gone[7:]}")
            published.append(event)

    again = s3lo.push(tag, f"s3://{bucket}/app:v2", observer=observe)
    assert len(published) == 2
    assert {blob.digest for blob in again.blobs if blob.uploaded} == {gone}
    check_whole(f"s3://{bucket}/app:v2", image, tmp_path)


def test_layers_in_another_order_are_known_as_well(
    daemon: Any, bucket: str, image: Image, tmp_path: Path
) -> None:
    s3lo.push(load(daemon, image, "app:v1", tmp_path), f"s3://{bucket}/app:v1")
    third = image_of([image.layers[1], image.layers[0]])
    pushed = Watched(load(daemon, third, "app:v3", tmp_path), f"s3://{bucket}/app:v3")
    assert pushed.uploaded == {third.id}
    check_whole(f"s3://{bucket}/app:v3", third, tmp_path)


def test_a_damaged_cache_is_no_cache(
    bucket: str, image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_oci_layout(image, tmp_path / "one", compress=False)
    first = s3lo.push(f"oci:{tmp_path / 'one'}", f"s3://{bucket}/app:v1")
    s3lo.push(f"oci:{tmp_path / 'one'}", f"s3://{bucket}/app:v2")
    [cached] = (tmp_path / "cache" / "s3lo" / "layers").iterdir()
    assert cached.name == first.digest[7:]
    for content in (b"", b"[", b'[{"diff_id": "x", "media_type": "", "digest": "y", "size": 1}]'):
        cached.write_bytes(content)
        again = s3lo.push(f"oci:{tmp_path / 'one'}", f"s3://{bucket}/app:v3")
        assert again.digest == first.digest
