"""Write-behind: what comes first goes to the disk at once where the rest would have to wait for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Timer
from typing import Literal

import pytest

from s3lo import files
from s3lo.bucket.keys import blob_key
from s3lo.engine import parallel, write_behind
from s3lo.engine.backend import LocalConfig
from s3lo.engine.options import EngineOptions
from s3lo.engine.plan import GIB, MIB
from s3lo.engine.transfers import Download
from s3lo.engine.write_behind import DirtyRoom, WriteBehind, early_bytes, read_dirty_room
from s3lo.events import ignore
from s3lo.model.digest import Digest
from tests.faults.command import eventually

ROOM = DirtyRoom(quiet_bytes=2 * GIB, free_bytes=3 * GIB)


class Disk:
    """What it was told to write, once it ``goes_on``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[tuple[str, int, int]] = []
        self.goes_on = Event()
        self.goes_on.set()
        self._begin_writing = files.begin_writing
        monkeypatch.setattr(files, "begin_writing", self._begin)

    def _begin(self, fd: int, offset: int, length: int) -> None:
        assert self.goes_on.wait(10)
        self._begin_writing(fd, offset, length)
        self.begun.append((Path(os.readlink(f"/proc/self/fd/{fd}")).name, offset, length))

    @property
    def begun_bytes(self) -> int:
        return sum(length for _, _, length in self.begun)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def blob(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "blob"
    with path.open("wb") as file:
        file.truncate(64 * MIB)
    yield str(path)
    path.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("total", "early"), [(0, 0), (3 * GIB, 0), (4 * GIB, 3 * GIB // 2), (40 * GIB, 75 * GIB // 2)]
)
def test_what_memory_takes_is_left_to_the_kernel(total: int, early: int) -> None:
    assert early_bytes(total, ROOM) == early


def test_this_machine_tells_how_much_may_wait() -> None:
    room = read_dirty_room(1 << 50)
    assert room
    assert 0 < room.quiet_bytes < room.free_bytes < 1 << 50


@pytest.mark.parametrize(
    ("told", "memory", "quiet", "free"),
    [
        ({}, 100 * GIB, 1 * GIB, 1.5 * GIB),
        ({}, 5 * GIB, 0.5 * GIB, 0.75 * GIB),  # of a control group
        ({"dirty_bytes": 4 * GIB}, 100 * GIB, 1 * GIB, 2.5 * GIB),
        ({"dirty_background_bytes": 1 << 20}, 100 * GIB, 1 << 20, GIB + (1 << 19)),
        ({"dirty_background_ratio": 50}, 100 * GIB, 1 * GIB, 1.5 * GIB),  # half of the limit
    ],
)
def test_the_kernel_takes_its_shares_of_memory_or_what_it_was_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    told: dict[str, int],
    memory: int,
    quiet: float,
    free: float,
) -> None:
    usual = {"dirty_bytes": 0, "dirty_background_bytes": 0}
    usual |= {"dirty_ratio": 20, "dirty_background_ratio": 10}
    for name, value in (usual | told).items():
        (tmp_path / name).write_text(f"{value}\n")
    meminfo = tmp_path / "meminfo"
    pages = {"MemTotal": 24, "MemFree": 7, "Active(file)": 1, "Inactive(file)": 2, "Dirty": 1}
    meminfo.write_text("".join(f"{name}: {gib << 20} kB\n" for name, gib in pages.items()))
    monkeypatch.setattr(write_behind, "_MEMINFO", meminfo)
    monkeypatch.setattr(write_behind, "_SYSCTLS", tmp_path)
    assert read_dirty_room(memory) == DirtyRoom(int(quiet), int(free))
    meminfo.write_text("of another kernel: 1\n")
    assert read_dirty_room(memory) is None


def test_the_first_to_come_are_written_and_the_rest_is_not(disk: Disk, blob: str) -> None:
    behind = WriteBehind(early_bytes=20 * MIB, quiet_bytes=GIB)
    for offset in (12 * MIB, 0, 24 * MIB, 36 * MIB):
        behind.came(blob, offset, 12 * MIB)
    assert eventually(lambda: disk.begun_bytes == 24 * MIB)
    behind.close()
    expected = [(12, 8), (20, 4), (0, 8), (8, 4)]
    assert disk.begun == [("blob", start * MIB, length * MIB) for start, length in expected]


def test_on_a_slow_disk_it_ends_when_the_kernel_writes(disk: Disk, blob: str) -> None:
    behind = WriteBehind(early_bytes=GIB, quiet_bytes=20 * MIB)
    disk.goes_on.clear()
    for offset in range(0, 48 * MIB, 8 * MIB):
        behind.came(blob, offset, 8 * MIB)
    disk.goes_on.set()
    behind.came(blob, 48 * MIB, 8 * MIB)
    behind.close()
    assert disk.begun_bytes <= 8 * MIB


def test_closing_waits_for_one_piece_at_most(disk: Disk, blob: str) -> None:
    behind = WriteBehind(early_bytes=GIB, quiet_bytes=GIB)
    disk.goes_on.clear()
    behind.came(blob, 0, 64 * MIB)
    Timer(0.1, disk.goes_on.set).start()
    behind.close()
    assert disk.begun_bytes <= 8 * MIB


def test_a_file_that_is_gone_is_no_matter(disk: Disk, blob: str) -> None:
    behind = WriteBehind(early_bytes=GIB, quiet_bytes=GIB)
    behind.came(f"{blob}-gone", 0, MIB)
    behind.came(blob, 0, MIB)
    behind.close()
    assert not disk.begun


@pytest.mark.parametrize(
    ("verify", "in_order", "early"),
    [("none", False, (46 * MIB, 40 * MIB)), ("none", True, ()), ("sha256", False, ())],
)
def test_it_is_for_what_comes_faster_than_a_disk_and_stays(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    verify: Literal["sha256", "none"],
    in_order: bool,
    early: tuple[int, ...],
) -> None:
    given: list[tuple[int, ...]] = []

    def watched(*sizes: int) -> WriteBehind:
        given.append(sizes)
        return WriteBehind(*sizes)

    monkeypatch.setattr(parallel, "WriteBehind", watched)
    room = DirtyRoom(quiet_bytes=40 * MIB, free_bytes=60 * MIB)
    monkeypatch.setattr(parallel, "read_dirty_room", lambda _: room)
    digest = Digest.of(bytes(96 * MIB))
    stored = tmp_path / "store" / blob_key(digest)
    stored.parent.mkdir(parents=True)
    stored.write_bytes(bytes(96 * MIB))
    options = EngineOptions(verify=verify)
    engine = parallel.ParallelEngine(LocalConfig(str(tmp_path / "store")), options)
    blob = Download(digest, 96 * MIB, blob_key(digest), tmp_path / "blob")
    engine.download([blob], ignore, in_order=in_order)
    assert (tmp_path / "blob").read_bytes() == bytes(96 * MIB)
    assert given == [early]
