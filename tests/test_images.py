"""The images that other tests move: valid to the tools that others wrote, and the same each time."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.images import (
    HELLO,
    image_of,
    layers_from_paths,
    sized_image,
    tiny_static_image,
    write_docker_archive,
    write_oci_layout,
)
from tests.servers import Dockerd, Missing


def _run(command: list[str], **environment: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return done.stdout


@pytest.mark.parametrize("compress", [True, False])
def test_skopeo_accepts_the_layout(tmp_path: Path, compress: bool) -> None:
    if not shutil.which("skopeo"):
        missing(Missing("no skopeo: apt-get install skopeo"))
    image = sized_image(tmp_path, (20_000, 10_000))
    digest = write_oci_layout(image, tmp_path / "layout", name="v1", compress=compress)
    seen = _run(
        ["skopeo", "inspect", "--format", "{{.Digest}}", f"oci:{tmp_path / 'layout'}:v1"],
        PATH="/usr/bin:/bin",
    )
    assert seen.strip() == digest


def test_docker_loads_the_archive_and_runs_it(tmp_path: Path, dockerd: Dockerd) -> None:
    try:
        image = tiny_static_image(tmp_path)
    except Missing as reason:
        missing(reason)
    docker = shutil.which("docker")
    if not docker:
        missing(Missing("no docker command"))
    archive = tmp_path / "archive.tar"
    write_docker_archive(image, archive, "tiny:v1")
    _run([docker, "load", "-i", str(archive)], **dockerd.env())
    seen = _run([docker, "image", "inspect", "-f", "{{.Id}}", "tiny:v1"], **dockerd.env())
    assert seen.strip() == image.id
    ran = _run([docker, "run", "--rm", "--network=none", "tiny:v1"], **dockerd.env())
    assert ran.strip() == HELLO


def test_the_same_content_gives_the_same_digest(tmp_path: Path) -> None:
    digests = set()
    for place in (tmp_path / "a", tmp_path / "b"):
        place.mkdir()
        digests.add(write_oci_layout(sized_image(place, (5_000,)), place / "layout"))
    assert len(digests) == 1


def test_the_default_size_is_five_megabytes_in_three_blobs(tmp_path: Path) -> None:
    write_oci_layout(sized_image(tmp_path), tmp_path / "layout")
    sizes = [f.stat().st_size for f in (tmp_path / "layout/blobs/sha256").iterdir()]
    assert len(sizes) == 3 + 1  # and the manifest
    assert sum(sizes) == pytest.approx(5_000_000, rel=0.02)


def test_layers_of_real_files_stay_within_their_limit(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name, size in (("a", 700), ("b", 700), ("c", 200)):
        (source / name).write_bytes(name.encode() * size)
    (source / "dangling").symlink_to("nowhere")
    [layer] = layers_from_paths(tmp_path, [source], layer_limit_bytes=1000)
    names = _run(["tar", "tf", str(layer.path)], PATH="/usr/bin:/bin").split()
    assert [Path(name).name for name in names] == ["a", "c"]
    assert image_of([layer]).layers == (layer,)
