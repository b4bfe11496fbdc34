"""A pull into Docker loads while it transfers, and either is there whole or not at all."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag
from typing import Any

import docker
import pytest

import s3lo
from s3lo import errors
from s3lo.events import BytesMoved, Event, Note, PhaseEnded
from tests.conftest import serving
from tests.images import Image, sized_image, write_oci_layout
from tests.servers import Dockerd, Origin, OriginOptions
from tests.servers.dockerd import emptied
from tests.servers.unruly import Unruly, wrong_byte_back

LAYER_BYTES = 4_000_000
CAP_BYTES_PER_SECOND = 8_000_000


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """Three layers; in a directory that an origin can serve as a bucket."""
    made = sized_image(tmp_path, (LAYER_BYTES, LAYER_BYTES, LAYER_BYTES))
    write_oci_layout(made, tmp_path / "source")
    root = tmp_path / "root" / "bucket"
    (root / "blobs").mkdir(parents=True)
    s3lo.push(f"oci:{tmp_path / 'source'}", f"local://{root}/app:v1", compression="none")
    return made


@pytest.fixture
def origin(image: Image, tmp_path: Path) -> Iterator[Origin]:
    """Slow enough for things to happen meanwhile."""
    del image
    options = OriginOptions(connection_bytes_per_second=CAP_BYTES_PER_SECOND)
    with serving(Origin(tmp_path / "root", options)) as origin:
        yield origin


@pytest.fixture
def daemon(dockerd: Dockerd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("DOCKER_HOST", dockerd.host)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with emptied(dockerd.host) as client:
        yield client


def pull(origin: Origin | Unruly, **more: object) -> s3lo.PullResult:
    return s3lo.pull(
        "s3://bucket/app:v1",
        connection=s3lo.ConnectionOptions(endpoint_url=origin.url, region="us-east-1"),
        engine=s3lo.EngineOptions(max_in_flight=1),
        **more,  # type: ignore[arg-type]
    )


def stored_layers(tmp_path: Path) -> list[Path]:
    bucket = tmp_path / "root/bucket"
    manifest = json.loads((bucket / "manifests/app/v1/manifest.json").read_bytes())
    digests = [layer["digest"].removeprefix("sha256:") for layer in manifest["layers"]]
    return [bucket / "blobs/sha256" / digest for digest in digests]


def test_the_daemon_gets_the_first_layer_while_the_last_one_comes(
    origin: Origin, daemon: Any, image: Image
) -> None:
    events: list[Event] = []
    pulled = pull(origin, observer=events.append)
    assert pulled.image_id == image.id
    assert daemon.inspect_image(image.id)["RootFS"]["Layers"]
    transferred = next(
        n for n, e in enumerate(events) if isinstance(e, PhaseEnded) and e.phase == "transfer"
    )
    loaded = sum(
        e.bytes_ for e in events[:transferred] if isinstance(e, BytesMoved) and e.phase == "load"
    )
    assert loaded >= LAYER_BYTES
    assert pulled.phases.load > pulled.phases.transfer


def test_a_layer_that_is_missing_ends_the_load_that_has_begun(
    origin: Origin, daemon: Any, image: Image, tmp_path: Path
) -> None:
    last = stored_layers(tmp_path)[-1]
    last.unlink()
    with pytest.raises(errors.IntegrityError, match=last.name):
        pull(origin)
    with pytest.raises(docker.errors.ImageNotFound):
        daemon.inspect_image(image.id)
    assert not [t for t in threading.enumerate() if t.name.startswith("s3lo-beside")]


def test_a_layer_that_came_damaged_is_sent_once_more_when_it_is_right(
    image: Image, daemon: Any, tmp_path: Path
) -> None:
    notes: list[str] = []

    def observe(event: Event) -> None:
        if isinstance(event, Note):
            notes.append(event.text)

    with serving(Origin(tmp_path / "root")) as origin, Unruly(origin.url) as proxy:
        layer = stored_layers(tmp_path)[1].name
        damaged = proxy.when("GET", layer, wrong_byte_back, times=1)
        assert pull(proxy, observer=observe).image_id == image.id
        assert damaged.befallen == 1
    assert daemon.inspect_image(image.id)["RootFS"]["Layers"]
    assert [note for note in notes if note.startswith("sending the image to Docker once more")]


def test_a_daemon_that_hangs_up_ends_the_transfer(
    origin: Origin, monkeypatch: pytest.MonkeyPatch, dockerd: Dockerd
) -> None:
    from s3lo.transports.docker_daemon import DockerDaemon

    def refuse(*_: object, **__: object) -> str:
        raise errors.DaemonError("no more")

    monkeypatch.setenv("DOCKER_HOST", dockerd.host)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(DockerDaemon, "load", refuse)
    with pytest.raises(errors.DaemonError, match="no more"):
        pull(origin)
    assert origin.counters().bytes_sent < 3 * LAYER_BYTES


@pytest.mark.usefixtures("daemon")
def test_a_pull_that_is_cancelled_while_it_loads_ends_both(origin: Origin) -> None:
    cancel = Flag()

    def observe(event: Event) -> None:
        if isinstance(event, BytesMoved) and event.phase == "load":
            cancel.set()

    with pytest.raises(errors.Interrupted):
        pull(origin, observer=observe, cancel=cancel)
