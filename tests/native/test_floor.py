"""Floor: what it moved is what was there, and what is damaged fails."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import missing, serving
from tests.servers import Missing, Nginx, Origin, OriginOptions, Unruly
from tests.servers.native import native_program
from tests.servers.unruly import Fault, reset, reset_midway, slow_down

PART_BYTES = 64 << 10
PREFIX = "/bucket/blobs/sha256/"
EDGES = [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 7 * PART_BYTES + 5]


@pytest.fixture(scope="session")
def floor() -> Path:
    try:
        return native_program("floor")
    except Missing as reason:
        missing(reason)


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    """An S3 service without objects, which keeps what it gets."""
    with serving(Origin(empty(tmp_path / "root"), OriginOptions(sink="memory"))) as origin:
        yield origin


@pytest.fixture
def busy_origin(tmp_path: Path) -> Iterator[Origin]:
    """The same, and it refuses and resets."""
    options = OriginOptions(sink="memory", refused_share=0.2, reset_share=0.2)
    with serving(Origin(empty(tmp_path / "root"), options)) as origin:
        yield origin


def empty(directory: Path) -> Path:
    directory.mkdir()
    return directory


@pytest.fixture
def store(nginx: Nginx) -> Path:
    """Where the blobs lie that the file server serves below PREFIX."""
    directory = nginx.root / PREFIX.strip("/")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def add_blobs(directory: Path, sizes: Iterable[int]) -> list[str]:
    digests = []
    for size in sizes:
        content = os.urandom(size)
        digests.append(hashlib.sha256(content).hexdigest())
        (directory / digests[-1]).write_bytes(content)
    return digests


def flip_a_bit(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


def listing(directory: Path, digests: Iterable[str]) -> str:
    return "".join(f"{d} {(directory / d).stat().st_size}\n" for d in digests)


def run_floor(
    floor: Path, direction: str, url: str, blobs: str, *more: str | Path
) -> subprocess.CompletedProcess[str]:
    address = urlsplit(url)
    where = ["--host", address.hostname or "", "--port", str(address.port), "--prefix", PREFIX]
    return subprocess.run(
        [floor, direction, *where, "--part-size", str(PART_BYTES), *more],
        input=blobs,
        capture_output=True,
        text=True,
        check=False,
    )


def assert_same(ours: Path, theirs: Path, digests: Iterable[str]) -> None:
    for digest in digests:
        assert (ours / digest).read_bytes() == (theirs / digest).read_bytes(), digest


@pytest.mark.parametrize("connections", [1, 3, 16])
def test_pull_brings_every_size_byte_for_byte(
    floor: Path, nginx: Nginx, store: Path, tmp_path: Path, connections: int
) -> None:
    digests = add_blobs(store, [*EDGES, 100 * PART_BYTES])
    blobs = listing(store, digests)
    done = run_floor(
        floor, "pull", nginx.url, blobs, "--out", tmp_path, "--connections", str(connections)
    )
    assert done.returncode == 0, done.stderr
    assert_same(tmp_path, store, digests)
    report = json.loads(done.stdout)
    assert report["bytes"] == sum((store / d).stat().st_size for d in digests)
    assert report["requests"] == 1 + 1 + 1 + 1 + 2 + 8 + 100
    assert report["retries"] == 0
    assert report["seconds"] > 0
    assert report["cpu_seconds"] > 0
    assert report["peak_rss_bytes"] > PART_BYTES


def test_pull_brings_many_small_blobs(
    floor: Path, nginx: Nginx, store: Path, tmp_path: Path
) -> None:
    digests = add_blobs(store, [4096] * 500)
    done = run_floor(floor, "pull", nginx.url, listing(store, digests), "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert_same(tmp_path, store, digests)


@pytest.mark.parametrize("size", [1, 5 * PART_BYTES])
def test_pull_of_a_damaged_blob_fails(
    floor: Path, nginx: Nginx, store: Path, tmp_path: Path, size: int
) -> None:
    digests = add_blobs(store, [size, 2 * PART_BYTES])
    flip_a_bit(store / digests[0], size // 2)
    done = run_floor(floor, "pull", nginx.url, listing(store, digests), "--out", tmp_path)
    assert done.returncode == 1
    assert f"{digests[0]} is damaged" in done.stderr
    assert done.stdout == ""


def test_pull_of_a_damaged_blob_passes_where_nothing_is_verified(
    floor: Path, nginx: Nginx, store: Path, tmp_path: Path
) -> None:
    digests = add_blobs(store, [2 * PART_BYTES])
    flip_a_bit(store / digests[0], 0)
    blobs = listing(store, digests)
    done = run_floor(floor, "pull", nginx.url, blobs, "--out", tmp_path, "--no-verify")
    assert done.returncode == 0, done.stderr
    assert_same(tmp_path, store, digests)


def test_pull_without_writing_verifies_all_the_same(
    floor: Path, nginx: Nginx, store: Path, tmp_path: Path
) -> None:
    [good, bad] = add_blobs(store, [3 * PART_BYTES, 4 * PART_BYTES])
    flip_a_bit(store / bad, 0)
    for digest, status in ((good, 0), (bad, 1)):
        blobs = listing(store, [digest])
        done = run_floor(floor, "pull", nginx.url, blobs, "--out", tmp_path, "--no-write")
        assert done.returncode == status, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("listed", [10, 3 * PART_BYTES])
def test_pull_of_a_blob_shorter_than_listed_fails(
    floor: Path, nginx: Nginx, store: Path, tmp_path: Path, listed: int
) -> None:
    [digest] = add_blobs(store, [listed - 1])
    done = run_floor(floor, "pull", nginx.url, f"{digest} {listed}\n", "--out", tmp_path)
    assert done.returncode == 1
    assert digest in done.stderr


def test_pull_of_a_blob_that_is_not_there_fails(floor: Path, nginx: Nginx, tmp_path: Path) -> None:
    done = run_floor(floor, "pull", nginx.url, f"{'0' * 64} 5\n", "--out", tmp_path)
    assert done.returncode == 1
    assert "status 404" in done.stderr


@pytest.mark.parametrize("fault", [slow_down, reset, reset_midway])
def test_pull_comes_back_after_what_passes(
    floor: Path, nginx: Nginx, store: Path, tmp_path: Path, fault: Fault
) -> None:
    # None so small that half of it is all of it: a reset after that is nobody's loss.
    digests = add_blobs(store, [size for size in EDGES if size > 1])
    with Unruly(nginx.url) as proxy:
        proxy.when("GET", "/blobs/", fault, every=3, times=4)
        done = run_floor(floor, "pull", proxy.url, listing(store, digests), "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert_same(tmp_path, store, digests)
    assert json.loads(done.stdout)["retries"] == 4


def test_a_wrong_list_is_refused(floor: Path, nginx: Nginx, tmp_path: Path) -> None:
    done = run_floor(floor, "pull", nginx.url, "abc 5\n", "--out", tmp_path)
    assert done.returncode == 1
    assert "abc 5" in done.stderr


def assert_arrived(floor: Path, origin: Origin, source: Path, scratch: Path) -> None:
    """Every file of the source lies in the service under its name, and nothing else does."""
    digests = [path.name for path in source.iterdir()]
    back = empty(scratch / "back")
    done = run_floor(
        *(floor, "pull", origin.url, listing(source, digests), "--out", back, "--no-verify")
    )
    assert done.returncode == 0, done.stderr
    assert_same(back, source, digests)
    assert {name.rpartition("/")[2] for name in origin.objects()} == set(digests)


@pytest.mark.parametrize("connections", [1, 3, 16])
def test_push_brings_every_size_byte_for_byte(
    floor: Path, origin: Origin, tmp_path: Path, connections: int
) -> None:
    source = empty(tmp_path / "source")
    digests = add_blobs(source, [*EDGES, 100 * PART_BYTES])
    blobs = listing(source, digests)
    done = run_floor(
        floor, "push", origin.url, blobs, "--from", source, "--connections", str(connections)
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["bytes"] == sum((source / d).stat().st_size for d in digests)
    assert report["requests"] == 4 * 1 + (2 + 2) + (8 + 2) + (100 + 2)
    assert_arrived(floor, origin, source, tmp_path)


def test_push_brings_many_small_blobs(floor: Path, origin: Origin, tmp_path: Path) -> None:
    source = empty(tmp_path / "source")
    digests = add_blobs(source, [4096] * 500)
    done = run_floor(floor, "push", origin.url, listing(source, digests), "--from", source)
    assert done.returncode == 0, done.stderr
    assert_arrived(floor, origin, source, tmp_path)


@pytest.mark.parametrize("size", [1, 5 * PART_BYTES])
def test_push_of_a_damaged_file_completes_nothing(
    floor: Path, origin: Origin, tmp_path: Path, size: int
) -> None:
    source = empty(tmp_path / "source")
    [digest] = add_blobs(source, [size])
    flip_a_bit(source / digest, size // 2)
    done = run_floor(floor, "push", origin.url, listing(source, [digest]), "--from", source)
    assert done.returncode == 1
    assert f"{digest} is damaged" in done.stderr
    assert origin.objects() == {}


def test_push_of_a_file_shorter_than_listed_completes_nothing(
    floor: Path, origin: Origin, tmp_path: Path
) -> None:
    source = empty(tmp_path / "source")
    [digest] = add_blobs(source, [3 * PART_BYTES - 1])
    blobs = f"{digest} {3 * PART_BYTES}\n"
    done = run_floor(floor, "push", origin.url, blobs, "--from", source, "--no-verify")
    assert done.returncode == 1
    assert digest in done.stderr
    assert origin.objects() == {}


def test_push_comes_back_after_what_passes(
    floor: Path, busy_origin: Origin, tmp_path: Path
) -> None:
    source = empty(tmp_path / "source")
    digests = add_blobs(source, [*EDGES, 30 * PART_BYTES])
    done = run_floor(floor, "push", busy_origin.url, listing(source, digests), "--from", source)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["retries"] > 0
    assert_arrived(floor, busy_origin, source, tmp_path)
