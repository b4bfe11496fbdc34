"""Beneath: a pending file appears whole or not at all, and never anywhere else."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo import beneath
from s3lo.beneath import PENDING, PendingFile, begin
from s3lo.errors import DiskFull, InvalidReference, LocalError, RefusedError

KEY = "manifests/app/v1/manifest.json"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


def _write(root: Path, key: str, content: bytes, *, replace: bool = True) -> None:
    with begin(root, key) as pending:
        os.write(pending.fd, content)
        pending.commit(replace=replace)


def _files(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if not p.is_dir())


def test_a_committed_file_is_all_that_is_there(root: Path) -> None:
    _write(root, KEY, b"content")
    assert (root / KEY).read_bytes() == b"content"
    assert _files(root) == [KEY]
    assert not (root / PENDING).exists()


def test_nothing_can_be_seen_before_the_commit(root: Path) -> None:
    with begin(root, KEY) as pending:
        os.write(pending.fd, b"content")
        assert pending.path.read_bytes() == b"content"
        assert not (root / KEY).exists()


def test_an_abandoned_file_leaves_not_even_directories(root: Path) -> None:
    with begin(root, KEY) as pending:
        os.write(pending.fd, b"content")
    assert list(root.iterdir()) == []


def test_an_error_while_writing_abandons(root: Path) -> None:
    with pytest.raises(ZeroDivisionError), begin(root, KEY):
        raise ZeroDivisionError
    assert list(root.iterdir()) == []


def test_a_commit_replaces_what_was_there(root: Path) -> None:
    _write(root, KEY, b"before")
    _write(root, KEY, b"after")
    assert (root / KEY).read_bytes() == b"after"


def test_without_replacing_a_taken_key_is_refused(root: Path) -> None:
    _write(root, KEY, b"before", replace=False)
    with pytest.raises(RefusedError):
        _write(root, KEY, b"after", replace=False)
    assert (root / KEY).read_bytes() == b"before"
    assert _files(root) == [KEY]


def test_of_many_threads_one_wins(root: Path) -> None:
    def write(number: int) -> bool:
        try:
            _write(root, KEY, b"%d" % number, replace=False)
        except RefusedError:
            return False
        return True

    with ThreadPoolExecutor(16) as writers:
        won = [number for number, ok in enumerate(writers.map(write, range(64))) if ok]
    assert len(won) == 1
    assert (root / KEY).read_bytes() == b"%d" % won[0]
    assert _files(root) == [KEY]


def _wins(root: Path) -> bool:
    try:
        _write(root, KEY, b"x", replace=False)
    except RefusedError:
        return False
    return True


def test_of_many_processes_one_wins(root: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as processes:
        assert sum(processes.map(_wins, [root] * 16)) == 1


def test_writers_and_pruners_do_not_trip_over_each_other(root: Path) -> None:
    """A directory may be pruned between being made and being written to."""

    def work(number: int) -> None:
        key = f"manifests/app/{number % 3}/manifest.json"
        _write(root, key, b"x")
        (root / key).unlink(missing_ok=True)
        beneath.prune(root, key)

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(work, range(200)))
    assert _files(root) == []


def test_another_process_may_write_and_a_third_commit(root: Path) -> None:
    pending = begin(root, KEY)
    name, path = pending.name, pending.path
    pending.close()
    command = "import sys; open(sys.argv[1], 'r+b').write(b'from elsewhere')"
    subprocess.run([sys.executable, "-c", command, str(path)], check=True)
    PendingFile.reopen(root, KEY, name).commit()
    assert (root / KEY).read_bytes() == b"from elsewhere"


def test_a_pending_file_that_is_gone_cannot_be_reopened(root: Path) -> None:
    pending = begin(root, KEY)
    pending.abandon()
    with pytest.raises(LocalError):
        PendingFile.reopen(root, KEY, pending.name)


def test_a_pending_file_that_is_gone_cannot_be_committed(root: Path) -> None:
    pending = begin(root, KEY)
    pending.path.unlink()
    with pytest.raises(LocalError):
        pending.commit()
    assert _files(root) == []


def test_the_name_of_a_pending_file_leads_nowhere_else(root: Path) -> None:
    _write(root, KEY, b"x")
    with pytest.raises(LocalError):
        PendingFile.reopen(root, "blobs/x", f"../{KEY}")
    assert _files(root) == [KEY]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_modes_follow_the_umask(root: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        _write(root, KEY, b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((root / KEY).stat().st_mode) == 0o666 & ~umask
    assert stat.S_IMODE((root / KEY).parent.stat().st_mode) == 0o777 & ~umask


@pytest.mark.parametrize("link", ["manifests", "manifests/app", "manifests/app/v1", PENDING])
def test_a_link_in_the_way_is_not_followed(root: Path, tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / link).parent.mkdir(parents=True, exist_ok=True)
    (root / link).symlink_to(outside)
    with pytest.raises(LocalError, match="link"):
        _write(root, KEY, b"x")
    assert list(outside.iterdir()) == []


def test_a_link_put_in_the_way_meanwhile_is_not_followed(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with begin(root, KEY) as pending:
        (root / "manifests").rename(root / "aside")
        (root / "manifests").symlink_to(outside)
        with pytest.raises(LocalError):
            pending.commit()
    assert list(outside.iterdir()) == []


def test_a_link_in_the_place_of_the_file_is_replaced_itself(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"untouched")
    (root / KEY).parent.mkdir(parents=True)
    (root / KEY).symlink_to(outside)
    with pytest.raises(RefusedError):
        _write(root, KEY, b"x", replace=False)
    _write(root, KEY, b"x")
    assert outside.read_bytes() == b"untouched"
    assert (root / KEY).read_bytes() == b"x"


def test_the_root_itself_may_be_reached_through_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    root.symlink_to(tmp_path / "elsewhere")
    _write(root, KEY, b"x")
    assert (tmp_path / "elsewhere" / KEY).read_bytes() == b"x"


def test_a_file_in_the_way_is_an_error(root: Path) -> None:
    _write(root, "manifests/app", b"x")
    with pytest.raises(LocalError):
        begin(root, KEY)


def test_a_root_that_is_a_file_is_an_error(root: Path) -> None:
    root.write_bytes(b"x")
    with pytest.raises(LocalError):
        begin(root, KEY)


@given(st.text(st.sampled_from("./\\\0ab"), max_size=12))
def test_every_key_is_plain_or_refused(key: str) -> None:
    try:
        parts = beneath.split_key(key)
    except InvalidReference:
        return
    assert "/".join(parts) == key
    assert os.path.normpath(key) == key
    assert not key.startswith("/")
    assert not set("\\\0") & set(key)


KILLED = """
import os, sys
from pathlib import Path
from s3lo.beneath import begin
pending = begin(Path(sys.argv[1]), sys.argv[2])
os.write(pending.fd, b"half")
print("written", flush=True)
sys.stdin.read()
"""


def _kill_a_writer(root: Path) -> Path:
    command = [sys.executable, "-c", KILLED, str(root), KEY]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    [left] = (root / PENDING).iterdir()
    return left


def _age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_what_a_killed_writer_left_is_invisible_and_swept_later(root: Path) -> None:
    left = _kill_a_writer(root)
    assert not (root / KEY).exists()
    _write(root, "blobs/x", b"x")
    assert left.exists(), "a minute's grace for files between two hands"
    _age(left, 120)
    _write(root, "blobs/y", b"y")
    assert not left.exists()
    assert not (root / PENDING).exists()


def test_a_slow_writer_is_not_swept(root: Path) -> None:
    with begin(root, KEY) as slow:
        os.write(slow.fd, b"slow")
        _age(slow.path, 3600)
        _write(root, "blobs/x", b"x")
        slow.commit()
    assert (root / KEY).read_bytes() == b"slow"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=24", "tmpfs", str(place)],
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_leaves_the_old_content_and_no_rest(small_disk: Path) -> None:
    _write(small_disk, KEY, b"before")
    with pytest.raises(OSError) as raised, begin(small_disk, KEY) as pending:
        for _ in range(32):
            os.write(pending.fd, b"x" * 65536)
    assert raised.value.errno == errno.ENOSPC
    assert (small_disk / KEY).read_bytes() == b"before"
    assert _files(small_disk) == [KEY]


def test_a_disk_full_at_the_start_is_called_so(small_disk: Path) -> None:
    with pytest.raises(DiskFull):
        for number in range(32):  # more than the file system has inodes
            _write(small_disk, f"blobs/{number}", b"")
