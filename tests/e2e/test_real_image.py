"""A real image, of real packages: docker → S3 → docker, and → an OCI layout others can read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.e2e.conftest import S3lo, tiny_image
from tests.images import HELLO, write_docker_archive, write_oci_layout
from tests.servers import Dockerd, Missing
from tests.wheels import download, image_of_wheels

PACKAGES = ("numpy", "scipy", "botocore")


@dataclass(frozen=True)
class Docker:
    """The docker command against the tests' own daemon."""

    daemon: Dockerd

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            ["docker", *arguments],
            env={**os.environ, **self.daemon.env()},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def image_id(self, name: str) -> str:
        return self("image", "inspect", "--format", "{{.Id}}", name)


@pytest.fixture
def docker(dockerd: Dockerd) -> Docker:
    return Docker(dockerd)


def tool(name: str) -> str:
    """A tool that others wrote; without it the test is skipped, and fails in CI."""
    found = shutil.which(name)
    if found is None:
        missing(Missing(f"no {name}: apt-get install {name}"))
    return found


def run(command: Sequence[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def packages_archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A Docker archive of numpy, scipy and botocore in four layers, and its image id."""
    directory = tmp_path_factory.mktemp("wheels")
    try:
        wheels = download(PACKAGES, directory)
    except Missing as reason:
        missing(reason)
    image = image_of_wheels(wheels, 4, directory)
    archive = directory / "packages-image.tar"
    write_docker_archive(image, archive, "packages:v1")
    return archive, image.id


def test_real_packages_go_from_docker_to_s3_and_back_unchanged(
    s3lo_with_docker: S3lo,
    docker: Docker,
    bucket: str,
    packages_archive: tuple[Path, str],
    tmp_path: Path,
) -> None:
    archive, image_id = packages_archive
    docker("load", "--quiet", "--input", str(archive))
    assert docker.image_id("packages:v1") == image_id

    pushed = s3lo_with_docker.json("push", "packages:v1", f"s3://{bucket}/team/packages:v1")
    assert all(blob["uploaded"] for blob in pushed["blobs"])
    assert docker.image_id("packages:v1") == image_id
    again = s3lo_with_docker.json("push", "packages:v1", f"s3://{bucket}/team/packages:v2")
    assert (again["bytes_uploaded"], again["digest"]) == (0, pushed["digest"])

    docker("image", "rm", "packages:v1")
    pulled = s3lo_with_docker.json("pull", f"s3://{bucket}/team/packages:v1", "back:v1")
    assert (pulled["image_id"], docker.image_id("back:v1")) == (image_id, image_id)
    # What the daemon has is neither fetched nor sent again: only the config moves.
    same = s3lo_with_docker.json("pull", f"s3://{bucket}/team/packages:v1", "again:v1")
    assert [blob["transferred"] for blob in same["blobs"]] == [True, False, False, False, False]
    assert docker.image_id("again:v1") == image_id
    docker("image", "rm", "back:v1", "again:v1")

    layout = tmp_path / "layout"
    for processes in ("0", "2"):
        to_layout = s3lo_with_docker.json(
            *("pull", f"s3://{bucket}/team/packages:v1", "--to", f"oci:{layout}", "--force"),
            *("--processes", processes),
        )
        assert to_layout["engine"]["processes"] == int(processes)
        assert to_layout["digest"] == pushed["digest"]
    inspected = json.loads(run([tool("skopeo"), "inspect", f"oci:{layout}:v1"]))
    assert inspected["Digest"] == pushed["digest"]
    copied = tmp_path / "copied"
    run([tool("skopeo"), "copy", f"oci:{layout}:v1", f"oci:{copied}:v1"])
    raw = run([tool("skopeo"), "inspect", "--raw", f"oci:{copied}:v1"])
    assert raw.encode() == (layout / "blobs/sha256" / pushed["digest"][7:]).read_bytes()


def test_a_pulled_program_runs(
    s3lo_with_docker: S3lo, docker: Docker, bucket: str, tmp_path: Path
) -> None:
    image = tiny_image(tmp_path)
    write_docker_archive(image, tmp_path / "tiny-image.tar", "made:v1")
    for compression in ("zstd", "gzip", "none"):
        reference = f"s3://{bucket}/tiny:{compression}"
        source = f"docker-archive:{tmp_path / 'tiny-image.tar'}"
        s3lo_with_docker.json("push", source, reference, "--compression", compression)
        pulled = s3lo_with_docker.json("pull", reference, f"tiny:{compression}")
        assert pulled["image_id"] == image.id == docker.image_id(f"tiny:{compression}")
        assert docker("run", "--rm", "--network", "none", f"tiny:{compression}") == HELLO
    docker("image", "rm", "tiny:zstd", "tiny:gzip", "tiny:none")


def test_archives_of_both_forms_are_read_by_skopeo_and_by_us(
    s3lo: S3lo, bucket: str, tmp_path: Path
) -> None:
    skopeo = tool("skopeo")
    image = tiny_image(tmp_path)
    write_oci_layout(image, tmp_path / "source", compress=False)
    pushed = s3lo.json("push", f"oci:{tmp_path / 'source'}", f"s3://{bucket}/a:v1")
    for form in ("oci-archive", "docker-archive"):
        archive = f"{form}:{tmp_path / form}.tar"
        pulled = s3lo.json("pull", f"s3://{bucket}/a:v1", "--to", archive)
        assert pulled["destination"] == archive
        inspected = json.loads(run([skopeo, "inspect", archive]))
        # Only the OCI form keeps layers that are compressed with zstd, and so the manifest.
        assert (inspected["Digest"] == pushed["digest"]) == (form == "oci-archive")
        again = s3lo.json("push", archive, f"s3://{bucket}/again:{form}")
        assert (again["digest"], again["bytes_uploaded"]) == (pushed["digest"], 0)


def test_umoci_unpacks_a_pulled_layout(s3lo: S3lo, bucket: str, tmp_path: Path) -> None:
    umoci = tool("umoci")
    image = tiny_image(tmp_path)
    write_oci_layout(image, tmp_path / "source", compress=False)
    # gzip: umoci 0.4 knows no layers that are compressed with zstd.
    s3lo.json("push", f"oci:{tmp_path / 'source'}", f"s3://{bucket}/a:v1", "--compression", "gzip")
    s3lo.json("pull", f"s3://{bucket}/a:v1", "--to", f"oci:{tmp_path / 'pulled'}")
    bundle = tmp_path / "bundle"
    run([umoci, "unpack", "--rootless", "--image", f"{tmp_path / 'pulled'}:v1", str(bundle)])
    unpacked = {path.name: path.read_bytes() for path in (bundle / "rootfs").iterdir()}
    assert unpacked == {"hello": (tmp_path / "hello").read_bytes()}


def test_a_layout_by_skopeo_and_an_archive_on_stdin_give_the_same_image(
    s3lo: S3lo, bucket: str, tmp_path: Path
) -> None:
    skopeo = tool("skopeo")
    image = tiny_image(tmp_path)
    archive = tmp_path / "image.tar"
    write_docker_archive(image, archive, "made:v1")
    run([skopeo, "copy", f"docker-archive:{archive}", f"oci:{tmp_path / 'layout'}:v1"])
    s3lo.json("push", f"oci:{tmp_path / 'layout'}", f"s3://{bucket}/a:layout")
    ran = s3lo("push", "-", f"s3://{bucket}/a:stdin", "-o", "json", stdin=archive.read_bytes())
    assert ran.status == 0, ran.stderr
    for tag in ("layout", "stdin"):
        to = f"oci:{tmp_path / f'pulled-{tag}'}"
        assert s3lo.json("pull", f"s3://{bucket}/a:{tag}", "--to", to)["image_id"] == image.id
