"""The peers of the performance suite do the job they are given, and see damage if told to."""

from __future__ import annotations

import hashlib
import os
import random
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from urllib.request import urlopen

import pytest

from perf.contender import Blob, Command, Contender, Job, Unsuited
from perf.peers import PEERS
from perf.peers.floor import Floor
from tests.conftest import missing, serving
from tests.images import Image, sized_image, write_docker_archive
from tests.servers import Dockerd, Missing, Registry
from tests.servers.origin import Origin, OriginOptions
from tests.servers.process import find_program

_ROOT = Path(__file__).resolve().parents[2]
_SIZES = (20 << 20, 1 << 20, 700)
_FILE_PEERS = [name for name in PEERS if name not in ("skopeo", "docker")]
_TLS_PEERS = [name for name in _FILE_PEERS if name != "floor"]
_numbers = count(1)
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


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    """It keeps what is uploaded."""
    with serving(Origin(tmp_path_factory.mktemp("origin"), OriginOptions(sink="memory"))) as origin:
        yield origin


@pytest.fixture(scope="session")
def tls_origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    options = OriginOptions(sink="memory", tls=True)
    with serving(Origin(tmp_path_factory.mktemp("origin"), options)) as origin:
        yield origin


def _stock(origin: Origin, blobs: Mapping[str, bytes]) -> str:
    """A fresh bucket with these blobs."""
    bucket = f"bucket-{next(_numbers)}"
    _write(origin.root / bucket / "blobs" / "sha256", blobs)
    return bucket


def _at(origin: Origin, job: Job, bucket: str) -> Job:
    ca_bundle = str(origin.ca_bundle) if origin.ca_bundle else None
    return replace(job, endpoint_url=origin.url, bucket=bucket, ca_bundle=ca_bundle)


def _uploaded(origin: Origin, job: Job) -> dict[str, bytes]:
    prefix = f"{job.bucket}/blobs/sha256/"
    names = [key.removeprefix(prefix) for key in origin.objects() if key.startswith(prefix)]
    trust = ssl.create_default_context(cafile=job.ca_bundle) if job.ca_bundle else None
    found = {}
    for name in names:
        with urlopen(f"{origin.url}/{prefix}{name}", context=trust) as answer:
            found[name] = answer.read()
    return found


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
    name: str, verified: bool, job: Job, blobs: Mapping[str, bytes], origin: Origin, tmp_path: Path
) -> None:
    given = _at(origin, job, _stock(origin, blobs))
    done = _do(name, replace(given, verified=verified), tmp_path)
    assert done.returncode == 0, done.stderr
    assert _pulled(job) == blobs


@pytest.mark.parametrize("place", range(len(_SIZES)))
@pytest.mark.parametrize("name", _FILE_PEERS)
def test_a_verified_pull_fails_where_a_blob_is_damaged(
    name: str, place: int, job: Job, blobs: Mapping[str, bytes], origin: Origin, tmp_path: Path
) -> None:
    done = _do(name, _at(origin, job, _stock(origin, _damaged(blobs, place))), tmp_path)
    assert done.returncode != 0
    assert list(blobs)[place] in done.stdout + done.stderr


@pytest.mark.parametrize("name", _FILE_PEERS)
def test_a_pull_that_is_not_verified_takes_damage_as_it_comes(
    name: str, job: Job, blobs: Mapping[str, bytes], origin: Origin, tmp_path: Path
) -> None:
    damaged = _damaged(blobs, 0)
    given = _at(origin, job, _stock(origin, damaged))
    done = _do(name, replace(given, verified=False), tmp_path)
    assert done.returncode == 0, done.stderr
    assert _pulled(job) == damaged


@pytest.mark.parametrize("name", _FILE_PEERS)
def test_a_pull_fails_where_a_blob_is_missing(
    name: str, job: Job, blobs: Mapping[str, bytes], origin: Origin, tmp_path: Path
) -> None:
    given = _at(origin, job, _stock(origin, dict(list(blobs.items())[1:])))
    # rclone leaves out what is not there, and only the check notices.
    done = _do(name, replace(given, verified=name.startswith("rclone")), tmp_path)
    assert done.returncode != 0


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("name", _FILE_PEERS)
def test_a_peer_pushes_every_blob(
    name: str, verified: bool, job: Job, blobs: Mapping[str, bytes], origin: Origin, tmp_path: Path
) -> None:
    pushing = _at(origin, replace(job, action="push", verified=verified), _stock(origin, {}))
    done = _do(name, pushing, tmp_path)
    assert done.returncode == 0, done.stderr
    assert _uploaded(origin, pushing) == blobs


@pytest.mark.parametrize("place", range(len(_SIZES)))
@pytest.mark.parametrize("name", _FILE_PEERS)
def test_a_verified_push_fails_where_a_blob_is_damaged(
    name: str, place: int, job: Job, blobs: Mapping[str, bytes], origin: Origin, tmp_path: Path
) -> None:
    _write(Path(job.layout, "blobs", "sha256"), _damaged(blobs, place))
    done = _do(name, _at(origin, replace(job, action="push"), _stock(origin, {})), tmp_path)
    assert done.returncode != 0
    assert list(blobs)[place] in done.stdout + done.stderr


@pytest.mark.parametrize("name", _TLS_PEERS)
def test_a_peer_trusts_the_given_authority(
    name: str, job: Job, blobs: Mapping[str, bytes], tls_origin: Origin, tmp_path: Path
) -> None:
    pulling = _at(tls_origin, job, _stock(tls_origin, blobs))
    done = _do(name, pulling, tmp_path)
    assert done.returncode == 0, done.stderr
    assert _pulled(job) == blobs
    pushing = replace(pulling, action="push", bucket=_stock(tls_origin, {}))
    done = _do(name, pushing, tmp_path)
    assert done.returncode == 0, done.stderr
    assert _uploaded(tls_origin, pushing) == blobs


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return sized_image(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def registry_image(
    image: Image, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The image's name in the registry."""
    archive = tmp_path_factory.mktemp("archive") / "image.tar"
    write_docker_archive(image, archive, "image:v1")
    name = f"{registry.host}/image:v1"
    try:
        skopeo = find_program("skopeo", "apt-get install skopeo")
    except Missing as reason:
        missing(reason)
    copy = [str(skopeo), "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"]
    subprocess.run([*copy, f"docker-archive:{archive}", f"docker://{name}"], check=True)
    return name


def test_skopeo_pulls_an_image_into_a_layout(
    job: Job, image: Image, registry_image: str, tmp_path: Path
) -> None:
    done = _do("skopeo", replace(job, registry_image=registry_image), tmp_path)
    assert done.returncode == 0, done.stderr
    found = _pulled(job)
    assert image.config in found.values()
    assert len(found) == len(image.layers) + 2
    assert all(hashlib.sha256(found[name]).hexdigest() == name for name in found)


@pytest.mark.parametrize("name", ["skopeo", "docker"])
def test_a_peer_pulls_an_image_into_a_daemon(
    name: str, job: Job, image: Image, registry_image: str, dockerd: Dockerd, tmp_path: Path
) -> None:
    given = replace(job, registry_image=registry_image, docker_host=dockerd.host)
    done = _do(name, given, tmp_path)
    assert done.returncode == 0, done.stderr
    docker = [str(find_program("docker", "apt-get install docker.io")), "--host", dockerd.host]
    listed = subprocess.run(
        [*docker, "images", "--no-trunc", "--quiet"], capture_output=True, text=True, check=True
    )
    assert image.id in listed.stdout
    subprocess.run([*docker, "rmi", "--force", image.id], capture_output=True, check=True)


@pytest.mark.parametrize("name", _FILE_PEERS)
def test_a_peer_that_moves_files_refuses_a_daemon(name: str, job: Job, tmp_path: Path) -> None:
    with pytest.raises(Unsuited, match="Docker"):
        PEERS[name].command(replace(job, docker_host="unix:///none"), tmp_path)


@pytest.mark.parametrize("name", ["skopeo", "docker"])
def test_a_peer_of_registries_refuses_a_bucket(name: str, job: Job, tmp_path: Path) -> None:
    with pytest.raises(Unsuited, match="registry"):
        PEERS[name].command(job, tmp_path)


def test_floor_can_do_without_files(
    job: Job, blobs: Mapping[str, bytes], origin: Origin, tmp_path: Path
) -> None:
    given = replace(_at(origin, job, _stock(origin, blobs)), verified=False)
    before = origin.counters().bytes_sent
    done = _run(Floor(writes=False).command(given, tmp_path), _ANY)
    assert done.returncode == 0, done.stderr
    assert origin.counters().bytes_sent - before == given.total_bytes
    assert not Path(given.out).exists()


def test_floor_refuses_tls(job: Job, tmp_path: Path) -> None:
    with pytest.raises(Unsuited, match="TLS"):
        PEERS["floor"].command(replace(job, endpoint_url="https://127.0.0.1:1"), tmp_path)


def test_the_registry_of_peers_imports_no_library_of_theirs() -> None:
    """A list of contenders must not cost a second."""
    code = (
        "import sys, perf.peers;"
        " sys.exit(', '.join({'boto3', 'awscrt', 'obstore', 's3transfer'} & set(sys.modules)) or 0)"
    )
    done = _run(Command((sys.executable, "-c", code)), {})
    assert done.returncode == 0, done.stderr


def test_a_command_checks_many_small_blobs(origin: Origin, job: Job, tmp_path: Path) -> None:
    """Two processes that wrote their sums into one file once cut each other's lines."""
    contents = [f"{number}".encode() for number in range(2000)]
    blobs = {hashlib.sha256(content).hexdigest(): content for content in contents}
    many = replace(job, blobs=tuple(Blob(name, len(blobs[name])) for name in blobs))
    done = _do("rclone", _at(origin, many, _stock(origin, blobs)), tmp_path)
    assert done.returncode == 0, done.stdout[:500]
