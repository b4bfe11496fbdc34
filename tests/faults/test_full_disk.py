"""A full disk, on real file systems of a few megabytes."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.faults.command import Commands
from tests.faults.images import Bucket, Layout, fill_local, names_in
from tests.images import sized_image, write_oci_layout
from tests.servers import Missing, Unruly
from tests.servers.unruly import Gate

MakeDisk = Callable[[int], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[MakeDisk]:
    """Mounts a file system of so many megabytes."""
    mounted: list[Path] = []

    def make(megabytes: int) -> Path:
        place = tmp_path / "disk"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
        try:
            done = subprocess.run(command, check=False, capture_output=True, text=True)
        except FileNotFoundError:
            missing(Missing("no mount on this machine: apt-get install mount"))
        if done.returncode:
            missing(Missing(f"a small file system takes root to mount: {done.stderr.strip()}"))
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _fill_up(directory: Path) -> None:
    """Let another file take what is left."""
    with suppress(OSError), open(directory / "other", "wb", buffering=0) as file:
        while file.write(bytes(1 << 16)):
            pass


def test_a_pull_that_cannot_fit_moves_nothing(
    s3lo: Commands, unruly: Unruly, stored: Bucket, disk: MakeDisk
) -> None:
    place = disk(8)
    pulled = s3lo.run("pull", stored.reference(), "--to", f"oci:{place / 'pulled'}")
    pulled.fails(8, str(place), "are needed", "Free some space")
    assert names_in(place) == set()
    assert unruly.count("GET", "/blobs/") == 0


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_disk_that_fills_up_under_a_pull(
    s3lo: Commands, unruly: Unruly, stored: Bucket, disk: MakeDisk, processes: str
) -> None:
    place, gate = disk(40), Gate()
    unruly.when("GET", "/blobs/", gate, after=3)
    pull = s3lo.start(
        *("pull", stored.reference(), "--to", f"oci:{place / 'pulled'}"),
        *("--processes", processes, "--part-size", "1MiB"),
    )
    gate.wait_for(4)
    _fill_up(place)
    gate.open()
    pull.wait().fails(8, stored.reference(), "no space left", "Free some space")
    assert names_in(place) == {"other"}


def test_a_disk_that_fills_up_under_a_docker_archive(
    s3lo: Commands, stored: Bucket, disk: MakeDisk
) -> None:
    place = disk(8)
    pulled = s3lo.run("pull", stored.reference(), "--to", f"docker-archive:{place / 'a.tar'}")
    pulled.fails(8, str(place), "no space left", "Free some space")
    assert names_in(place) == set()


@pytest.mark.parametrize("megabytes_free", [0, 1])
def test_a_push_whose_temporary_directory_is_full(
    s3lo: Commands, empty: Bucket, disk: MakeDisk, tmp_path: Path, megabytes_free: int
) -> None:
    source = tmp_path / "uncompressed"
    write_oci_layout(sized_image(tmp_path, (3_000_000,)), source, compress=False)
    place = disk(1)
    if not megabytes_free:
        _fill_up(place)
    before = names_in(place)
    pushed = s3lo.run("push", f"oci:{source}", empty.reference(), "--tmpdir", place)
    pushed.fails(8, empty.reference(), "no space left", "--tmpdir")
    assert names_in(place) == before
    assert empty.keys() == set()


def test_a_push_to_a_full_local_store_changes_nothing_of_it(
    s3lo: Commands, large: Layout, small: Layout, disk: MakeDisk
) -> None:
    root = disk(10) / "store"
    fill_local(root, small)
    before = _contents(root)
    pushed = s3lo.run("push", f"oci:{large.path}", f"local://{root}/app:v1")
    pushed.fails(8, "no space left", "Free some space")
    after = _contents(root)
    assert before.items() <= after.items()
    added = after.keys() - before.keys()
    assert all(hashlib.sha256(after[n]).hexdigest() == n.rpartition("/")[2] for n in added)
    assert f"blobs/sha256/{large.largest.removeprefix('sha256:')}" not in added
    assert s3lo.run("pull", f"local://{root}/app:v1", "--to", f"oci:{root}-out").status == 0


def _contents(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}
