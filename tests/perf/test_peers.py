"""The peers of the performance suite do the job they are given, and see damage if told to."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from perf.contender import Blob, Command, Contender, Job
from perf.peers import PEERS
from tests.conftest import missing
from tests.servers import Missing, Nginx, SeaweedS3

_ROOT = Path(__file__).resolve().parents[2]
_SIZES = (20 << 20, 1 << 20, 700)
_FILE_PEERS = [name for name in PEERS if name not in ("skopeo", "docker")]
_ANY = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="session")
def blobs() -> dict[str, bytes]:
    source = random.Random(7)
    contents = [source.randbytes(size) for size in _SIZES]
    return {hashlib.sha256(content).hexdigest(): content for content in contents}


@pytest.fixture
def job(tmp_path: Path, blobs: Mapping[str, bytes]) -> Job:
    """A verified pull from nowhere; paths have what a shell would stumble over."""
    home = tmp_path / "it's here"
    layout, out = home / "layout", home / "out"
    _write(layout / "blobs" / "sha256", blobs)
    out.mkdir()
    return Job(
        action="pull",
        verified=True,
        endpoint_url="http://127.0.0.1:1",
        bucket="bucket",
        region="us-east-1",
        image="image:v1",
        blobs=tuple(Blob(name, len(content)) for name, content in blobs.items()),
        layout=str(layout),
        out=str(out),
        cpus=2,
    )


def _write(directory: Path, blobs: Mapping[str, bytes]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in blobs.items():
        (directory / name).write_bytes(content)


def _pulled(job: Job) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(job.out, "blobs", "sha256").iterdir()}


def _damaged(blobs: Mapping[str, bytes], place: int) -> dict[str, bytes]:
    """One bit of one blob is another."""
    name = list(blobs)[place]
    return {**blobs, name: bytes([blobs[name][0] ^ 1]) + blobs[name][1:]}


def _peer(name: str) -> Contender:
    peer = PEERS[name]
    try:
        peer.version()
    except Missing as reason:
        missing(reason)
    return peer


def _run(command: Command, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RCLONE_"))}
    given = {"PYTHONPATH": str(_ROOT), "AWS_EC2_METADATA_DISABLED": "true", **env, **command.env}
    return subprocess.run(
        command.argv, env={**kept, **given}, capture_output=True, text=True, check=False
    )


def _do(
    name: str, job: Job, scratch: Path, env: Mapping[str, str] = _ANY
) -> subprocess.CompletedProcess[str]:
    place = scratch / "scratch's"
    place.mkdir(exist_ok=True)
    return _run(_peer(name).command(job, place), env)


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("name", _FILE_PEERS)
def test_a_peer_pulls_every_blob(
    name: str, verified: bool, job: Job, blobs: Mapping[str, bytes], nginx: Nginx, tmp_path: Path
) -> None:
    _write(nginx.root / "bucket" / "blobs" / "sha256", blobs)
    done = _do(name, replace(job, endpoint_url=nginx.url, verified=verified), tmp_path)
    assert done.returncode == 0, done.stderr
    assert _pulled(job) == blobs


@pytest.mark.parametrize("place", range(len(_SIZES)))
@pytest.mark.parametrize("name", _FILE_PEERS)
def test_a_verified_pull_fails_where_a_blob_is_damaged(
    name: str, place: int, job: Job, blobs: Mapping[str, bytes], nginx: Nginx, tmp_path: Path
) -> None:
    _write(nginx.root / "damaged" / "blobs" / "sha256", _damaged(blobs, place))
    done = _do(name, replace(job, endpoint_url=nginx.url, bucket="damaged"), tmp_path)
    assert done.returncode != 0
    assert list(blobs)[place] in done.stdout + done.stderr


@pytest.mark.parametrize("name", _FILE_PEERS)
def test_a_pull_that_is_not_verified_takes_damage_as_it_comes(
    name: str, job: Job, blobs: Mapping[str, bytes], nginx: Nginx, tmp_path: Path
) -> None:
    damaged = _damaged(blobs, 0)
    _write(nginx.root / "damaged" / "blobs" / "sha256", damaged)
    given = replace(job, endpoint_url=nginx.url, bucket="damaged", verified=False)
    assert _do(name, given, tmp_path).returncode == 0
    assert _pulled(job) == damaged


@pytest.mark.parametrize("name", _FILE_PEERS)
def test_a_pull_fails_where_a_blob_is_missing(
    name: str, job: Job, blobs: Mapping[str, bytes], nginx: Nginx, tmp_path: Path
) -> None:
    most = dict(list(blobs.items())[1:])
    _write(nginx.root / "missing" / "blobs" / "sha256", most)
    # rclone leaves out what is not there, and only the check notices.
    verified = name == "rclone"
    given = replace(job, endpoint_url=nginx.url, bucket="missing", verified=verified)
    assert _do(name, given, tmp_path).returncode != 0


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("name", _FILE_PEERS)
def test_a_peer_pushes_every_blob(
    name: str,
    verified: bool,
    job: Job,
    blobs: Mapping[str, bytes],
    seaweed: SeaweedS3,
    bucket: str,
    tmp_path: Path,
) -> None:
    pushing = replace(job, action="push", endpoint_url=seaweed.endpoint_url, bucket=bucket)
    done = _do(name, replace(pushing, verified=verified), tmp_path, seaweed.env())
    assert done.returncode == 0, done.stderr
    for blob, content in blobs.items():
        found = seaweed.client.get_object(Bucket=bucket, Key=f"blobs/sha256/{blob}")
        assert found["Body"].read() == content
