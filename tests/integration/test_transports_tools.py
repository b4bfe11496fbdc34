"""Layouts and archives against the tools that others use: skopeo and umoci."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from s3lo.errors import DiskFull
from s3lo.events import ignore
from s3lo.model.documents import Manifest
from s3lo.transports import docker_archive, oci_layout
from s3lo.transports.image import Compression, PulledImage, SourceImage
from s3lo.transports.packing import Packing
from s3lo.transports.source import open_source, parse_source
from tests import images
from tests.conftest import missing
from tests.servers import Containerd, Missing


def run(program: str, *arguments: str | Path) -> str:
    """A tool's output; skips where it is not installed."""
    if not shutil.which(program):
        missing(Missing(f"{program} is not installed: apt-get install {program}"))
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> images.Image:
    """Three layers, the first and the last the same."""
    image = images.sized_image(tmp_path_factory.mktemp("image"), (300_000, 5_000_000))
    return images.image_of([*image.layers, image.layers[0]])


def opened(source: str, staging: Path, compression: Compression = "zstd") -> SourceImage:
    return open_source(
        parse_source(source), staging=staging, packing=Packing(compression), observer=ignore
    )


def as_pulled(image: SourceImage, directory: Path) -> PulledImage:
    """What a pull of this image would leave."""
    assert isinstance(image.root, Manifest)
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for digest, file in image.blobs.items():
        with open(file.path, "rb") as source:
            source.seek(file.offset)
            (blobs / digest.hex).write_bytes(source.read(file.size))
    return PulledImage(image.root, blobs)


@pytest.fixture
def old_archive(made: images.Image, tmp_path: Path) -> Path:
    path = tmp_path / "old.tar"
    images.write_docker_archive(made, path, "app:v1")
    return path


@pytest.fixture(params=["zstd", "gzip", "none"])
def pulled(request: pytest.FixtureRequest, old_archive: Path, tmp_path: Path) -> PulledImage:
    source = f"docker-archive:{old_archive}"
    return as_pulled(opened(source, tmp_path / "staging", request.param), tmp_path / "pulled")


def test_skopeo_reads_a_layout_with_every_compression(
    pulled: PulledImage, made: images.Image, tmp_path: Path
) -> None:
    layout = pulled.blobs_dir.parents[1]
    oci_layout.write_documents(layout, pulled.manifest, "v1")
    raw = run("skopeo", "inspect", "--raw", f"oci:{layout}:v1")
    assert raw.encode() == pulled.manifest.raw
    # Into a directory skopeo decompresses every layer and compares its digest.
    run("skopeo", "copy", "--dest-decompress", f"oci:{layout}:v1", f"dir:{tmp_path}/dir")
    copied = {path.name for path in (tmp_path / "dir").iterdir()}
    assert {layer.digest.removeprefix("sha256:") for layer in made.layers} <= copied


def test_skopeo_reads_an_archive_with_every_compression(
    pulled: PulledImage, made: images.Image, tmp_path: Path
) -> None:
    path = tmp_path / "archive.tar"
    docker_archive.write(pulled, path, ["app:v1"], force=False)
    run("skopeo", "copy", f"docker-archive:{path}:app:v1", f"oci:{tmp_path}/copied:v1")
    config = json.loads(run("skopeo", "inspect", "--raw", f"oci:{tmp_path}/copied:v1"))["config"]
    assert config["digest"] == made.id


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_umoci_unpacks_a_layout(
    old_archive: Path, made: images.Image, tmp_path: Path, compression: Compression
) -> None:
    """umoci 0.4.7 knows no zstd: "blob is not correct mediatype"."""
    if os.geteuid() != 0:
        pytest.skip("unpacking with owners needs root")
    source = f"docker-archive:{old_archive}"
    image = as_pulled(opened(source, tmp_path / "s", compression), tmp_path / "layout")
    oci_layout.write_documents(tmp_path / "layout", image.manifest, "v1")
    run("umoci", "unpack", "--image", f"{tmp_path}/layout:v1", tmp_path / "bundle")
    unpacked = {path.name for path in (tmp_path / "bundle" / "rootfs").iterdir()}
    assert len(unpacked) == len({layer.digest for layer in made.layers})


def test_the_zstd_command_takes_a_layer_for_an_ordinary_stream(
    old_archive: Path, made: images.Image, tmp_path: Path
) -> None:
    """Many frames, and a seek table in one that decoders skip."""
    image = opened(f"docker-archive:{old_archive}", tmp_path / "staging")
    assert isinstance(image.root, Manifest)
    for descriptor, layer in zip(image.root.layers, made.layers, strict=True):
        packed = image.blobs[descriptor.digest].path
        run("zstd", "--quiet", "--test", "--format=zstd", packed)
        plain = tmp_path / "plain"
        run("zstd", "--quiet", "--force", "--decompress", "--format=zstd", packed, "-o", plain)
        assert plain.read_bytes() == layer.path.read_bytes()


def test_containerd_unpacks_an_image_of_every_compression(
    containerd: Containerd, pulled: PulledImage, made: images.Image, tmp_path: Path
) -> None:
    """It hashes what it unpacks, and takes no layer whose diff id is not the config's."""
    archive, name = tmp_path / "image.tar", f"example.com/app:{tmp_path.name.lower()}"
    docker_archive.write(pulled, archive, [name], force=False, unpacks=())
    listing = ("snapshots", "--snapshotter", "native", "list")
    assert chain_id(made) not in containerd.ctr(*listing)
    containerd.ctr("images", "import", "--snapshotter", "native", str(archive))
    assert name in containerd.ctr("images", "list", "--quiet").split()
    assert chain_id(made) in containerd.ctr(*listing)
    containerd.ctr("images", "remove", "--sync", name)


def chain_id(image: images.Image) -> str:
    """Of all its layers (OCI image spec, config.md#layer-chainid)."""
    chain = image.layers[0].digest
    for layer in image.layers[1:]:
        chain = f"sha256:{hashlib.sha256(f'{chain} {layer.digest}'.encode()).hexdigest()}"
    return chain


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive", "oci"])
def test_what_skopeo_writes_is_read(
    old_archive: Path, made: images.Image, tmp_path: Path, form: str
) -> None:
    path = tmp_path / "theirs"
    name = ":app:v1" if form == "docker-archive" else ":v1"
    run("skopeo", "copy", f"docker-archive:{old_archive}", f"{form}:{path}{name}")
    image = opened(f"{form}:{path}", tmp_path / "staging")
    assert isinstance(image.root, Manifest)
    assert image.root.config.digest == made.id
    if form == "docker-archive":
        assert image.root == opened(f"docker-archive:{old_archive}", tmp_path / "s").root


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let us mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_while_saving_is_told_and_leaves_no_layer(
    old_archive: Path, small_disk: Path
) -> None:
    with pytest.raises(DiskFull):
        opened(f"docker-archive:{old_archive}", small_disk)
    left = [path for path in small_disk.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in left) < 1_000_000


def test_a_full_disk_while_writing_an_archive_leaves_nothing(
    pulled: PulledImage, small_disk: Path
) -> None:
    with pytest.raises(DiskFull):
        docker_archive.write(pulled, small_disk / "a.tar", [], force=False)
    assert list(small_disk.iterdir()) == []
