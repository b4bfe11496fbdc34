"""The origin against clients of others: what they upload is what they and others get back."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from awscrt.checksums import crc32c

from tests import images
from tests.native.origin_clients import (
    BUCKET,
    PART_BYTES,
    PLAIN,
    WITH_CA,
    Client,
    boto,
    serving_origin,
)
from tests.servers import Origin, OriginOptions
from tests.servers.origin import UploadedObject

SIZES = (0, 1, 1000, PART_BYTES + 1, 17_000_003)


def _move(client: Client, origin: Origin, size: int, directory: Path) -> None:
    """There and back again, and the origin knows what it took."""
    sent, got = directory / f"sent-{size}", directory / f"got-{size}"
    content = random.Random(size).randbytes(size)
    sent.write_bytes(content)
    client.upload(sent, f"a dir/key+{size}")
    client.download(f"a dir/key+{size}", got)
    assert got.read_bytes() == content
    assert origin.objects()[f"{BUCKET}/a dir/key+{size}"] == UploadedObject(size, crc32c(content))


class _Quoted(Client):
    """awscrt takes paths as they stand in a request, and so percent-encoded."""

    def __init__(self, inner: Client) -> None:
        super().__init__(inner.origin)
        self._inner = inner

    def upload(self, path: Path, key: str) -> None:
        self._inner.upload(path, key.replace(" ", "%20").replace("+", "%2B"))

    def download(self, key: str, path: Path) -> None:
        self._inner.download(key.replace(" ", "%20").replace("+", "%2B"), path)


def _client(name: str, origin: Origin) -> Client:
    client = PLAIN[name](origin)
    return _Quoted(client) if name == "awscrt" else client


@pytest.mark.parametrize("sink", ["memory", "directory"])
@pytest.mark.parametrize("name", PLAIN)
def test_what_a_client_uploads_it_gets_back(name: str, sink: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with serving_origin(root, OriginOptions(sink=sink)) as origin:  # type: ignore[arg-type]
        client = _client(name, origin)
        for size in SIZES:
            _move(client, origin, size, tmp_path)
        counters = origin.counters()
    assert counters.bytes_sent == counters.bytes_received == sum(SIZES)
    assert counters.requests["POST"] >= 4, "no multipart upload"
    stored = [path for path in root.rglob("*") if path.is_file()]
    assert len(stored) == (len(SIZES) if sink == "directory" else 0)


@pytest.mark.parametrize("name", WITH_CA)
def test_over_tls_too(name: str, tmp_path: Path) -> None:
    with serving_origin(tmp_path, OriginOptions(sink="memory", tls=True)) as origin:
        client = _client(name, origin)
        for size in (1000, 17_000_003):
            _move(client, origin, size, tmp_path)


def test_files_below_the_root_are_served_over_tls(tmp_path: Path) -> None:
    content = random.Random(1).randbytes(3_000_001)
    (tmp_path / BUCKET).mkdir()
    (tmp_path / BUCKET / "key").write_bytes(content)
    with serving_origin(tmp_path, OriginOptions(tls=True)) as origin:
        _client("boto3", origin).download("key", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == content


def test_without_its_certificate_it_is_not_trusted(tmp_path: Path) -> None:
    from botocore.exceptions import SSLError

    with serving_origin(tmp_path, OriginOptions(tls=True)) as origin:
        origin.ca_bundle = None
        with pytest.raises(SSLError):
            boto(origin).head_bucket(Bucket=BUCKET)


def test_objects_in_files_outlive_the_origin(tmp_path: Path) -> None:
    content = random.Random(2).randbytes(2 * PART_BYTES)
    (tmp_path / "sent").write_bytes(content)
    options = OriginOptions(sink="directory")
    with serving_origin(tmp_path, options) as origin:
        client = _client("boto3", origin)
        client.upload(tmp_path / "sent", "deep/down/key")
        tag = boto(origin).head_object(Bucket=BUCKET, Key="deep/down/key")["ETag"]
    with serving_origin(tmp_path, options) as origin:
        _client("boto3", origin).download("deep/down/key", tmp_path / "got")
        assert boto(origin).head_object(Bucket=BUCKET, Key="deep/down/key")["ETag"] == tag
    assert (tmp_path / "got").read_bytes() == content


def _s3lo(origin: Origin, home: Path) -> Callable[..., None]:
    environment = {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_REGION": "us-east-1",
    }

    def run(command: str, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "s3lo", command, *arguments, "--endpoint-url", origin.url],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    return run


@pytest.mark.parametrize("sink", ["memory", "directory"])
def test_s3lo_pushes_to_it_and_pulls_from_it(sink: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    layout, pulled = tmp_path / "layout", tmp_path / "pulled"
    image = images.sized_image(tmp_path, (20_000_000, 300_000))
    digest = images.write_oci_layout(image, layout)
    with serving_origin(root, OriginOptions(sink=sink)) as origin:  # type: ignore[arg-type]
        run = _s3lo(origin, tmp_path)
        run("push", f"oci:{layout}", f"s3://{BUCKET}/x:v1")
        run("pull", f"s3://{BUCKET}/x:v1", "--to", f"oci:{pulled}")
        taken = origin.objects()
    blobs = {path.name: path.read_bytes() for path in (pulled / "blobs/sha256").iterdir()}
    assert digest.removeprefix("sha256:") in blobs
    for path in (layout / "blobs/sha256").iterdir():
        assert blobs[path.name] == path.read_bytes()
        sums = {entry.crc32c for key, entry in taken.items() if path.name in key}
        assert sums <= {crc32c(blobs[path.name])}


def test_a_push_to_nowhere_is_believed(tmp_path: Path) -> None:
    """The layers are dropped, but their checksums are kept and manifests can be read back."""
    image = images.sized_image(tmp_path, (20_000_000,))
    layout = tmp_path / "layout"
    images.write_oci_layout(image, layout)
    with serving_origin(tmp_path, OriginOptions()) as origin:
        _s3lo(origin, tmp_path)("push", f"oci:{layout}", f"s3://{BUCKET}/x:v1")
        taken = origin.objects()
    sums = {entry.crc32c for entry in taken.values()}
    for path in (layout / "blobs/sha256").iterdir():
        if path.stat().st_size > 1 << 20:
            assert crc32c(path.read_bytes()) in sums
