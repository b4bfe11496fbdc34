"""Staging: directories that vanish, beside others of their kind, whenever their process ends."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from pathlib import Path

import pytest

from s3lo.errors import LocalError
from s3lo.notes import notes_in
from s3lo.staging import Staging
from tests.faults.command import eventually


def test_a_staging_directory_is_gone_afterwards(tmp_path: Path) -> None:
    with Staging(tmp_path / "new", "name") as path:
        assert path.parent == tmp_path / "new"
    assert list((tmp_path / "new").iterdir()) == []


def test_what_a_killed_process_left_is_swept_away_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    left = tmp_path / ".s3lo-left"
    left.mkdir()
    (left / ".lock").touch()
    with Staging(tmp_path) as used, Staging(tmp_path):
        assert used.is_dir()
        assert not left.exists()


def test_where_nothing_is_to_be_gone_on_with_nothing_is_written(tmp_path: Path) -> None:
    with Staging(tmp_path) as path:
        assert [file.name for file in path.iterdir()] == [".lock"]
        assert (path / ".lock").stat().st_size == 0


def left_by_a_killed_process(staging: Staging) -> Path:
    """Unlocked, as it is when its process is gone."""
    path = staging.__enter__()
    (path / "blob").write_bytes(b"came")
    lock = path / ".lock"
    os.replace(shutil.copy(lock, path / "copy"), lock)
    return path


def test_notes_are_read_by_the_next_one_for_the_same_thing(tmp_path: Path) -> None:
    killed = Staging(tmp_path, key="image")
    path = left_by_a_killed_process(killed)
    for number, text in [(0, "3"), (12, "1"), (0, "f")]:
        killed.notes.note(number, text)
    assert eventually(lambda: notes_in(path) == {0: "f", 12: "1"})
    killed.notes.close()
    (path / ".note-x-1").touch()
    again = Staging(tmp_path, key="image")
    with again as resumed:
        assert resumed == path
        assert again.notes.texts == {0: "f", 12: "1"}
        again.notes.note(0, "ff")
        there = [".note-0-ff", ".note-x-1"]
        assert eventually(lambda: sorted(each.name for each in path.glob(".note-?-*")) == there)


def test_what_is_put_in_place_has_no_trace_of_its_making(tmp_path: Path) -> None:
    for put in (Staging.publish, Staging.exchange):
        staging = Staging(tmp_path, key="image")
        with staging as path:
            staging.notes.note(0, "1")
            (path / "blob").touch()
            put(staging, tmp_path / "done")
        assert [each.name for each in tmp_path.iterdir()] == ["done"]
        assert [each.name for each in (tmp_path / "done").iterdir()] == ["blob"]


@pytest.mark.parametrize("key", ["", "other"])
def test_what_is_for_something_else_is_not_gone_on_with(tmp_path: Path, key: str) -> None:
    left = left_by_a_killed_process(Staging(tmp_path, key="image"))
    with Staging(tmp_path, key=key) as path:
        assert path != left
        assert not left.exists()


def test_what_others_may_write_to_is_not_gone_on_with(tmp_path: Path) -> None:
    left = left_by_a_killed_process(Staging(tmp_path, key="image"))
    left.chmod(0o777)
    with Staging(tmp_path, key="image") as path:
        assert path != left


def test_what_a_process_left_that_was_killed_before_it_had_a_lock_goes_too(tmp_path: Path) -> None:
    (tmp_path / ".s3lo-made").mkdir()
    with Staging(tmp_path) as used:
        assert list(tmp_path.iterdir()) == [used]


@pytest.mark.parametrize(("age_seconds", "stays"), [(50, True), (70, False)])
def test_one_without_a_lock_is_about_to_be_put_in_place_or_is_old(
    tmp_path: Path, age_seconds: int, stays: bool
) -> None:
    left, old = tmp_path / ".s3lo-left", tmp_path / ".s3lo-left.old"
    for path in (left, old):
        (path / "blobs").mkdir(parents=True)
        then = time.time() - age_seconds
        os.utime(path, (then, then))
    with Staging(tmp_path):
        assert left.exists() is stays
        assert old.exists(), "what was there before, and may be all there is"


def test_the_lock_goes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A push was killed while it removed its files; without a lock they stayed for ever."""
    removed = shutil.rmtree

    def rmtree(path: Path, ignore_errors: bool) -> None:
        assert path != lock.parent or list(path.iterdir()) == [lock]
        assert lock.exists()
        removed(path, ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    with Staging(tmp_path) as path:
        lock = path / ".lock"
        (path / "blobs").mkdir()
        (path / "config").touch()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_swept_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another pull, sweeping at this moment, took it for one of a killed process."""
    flock = fcntl.flock
    swept: list[Path] = []

    def after_a_sweep(fd: int, how: int) -> None:
        if how == fcntl.LOCK_EX and len(swept) < 3:
            path = Path(os.readlink(f"/proc/self/fd/{fd}")).parent
            swept.append(path)
            (path / ".lock").unlink()
            path.rmdir()
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", after_a_sweep)
    with Staging(tmp_path) as path:
        assert path.is_dir()
        assert (path / ".lock").exists()
        assert len(swept) == 3 and path not in swept
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_where_no_lock_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(LocalError), Staging(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_the_lock_of_somebody_else_is_neither_followed_nor_waited_for(
    kind: str, tmp_path: Path
) -> None:
    foreign = tmp_path / ".s3lo-foreign"
    foreign.mkdir()
    (tmp_path / "target").touch()
    if kind == "link":
        (foreign / ".lock").symlink_to(tmp_path / "target")
    else:
        os.mkfifo(foreign / ".lock")
    with Staging(tmp_path) as path:
        assert path.is_dir()
    assert foreign.exists() == (kind == "link")


@pytest.mark.parametrize("name", ["n" * 250, "ü" * 125])
def test_a_long_destination_name_leaves_room_for_our_own(name: str, tmp_path: Path) -> None:
    staging = Staging(tmp_path, name)
    with staging as path:
        assert len(os.fsencode(path.name)) < 240
        staging.publish(tmp_path / name)
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_entries_move_together_or_not_at_all(tmp_path: Path) -> None:
    destination = tmp_path / "destination"
    destination.mkdir()
    (destination / "b").write_text("mine")
    staging = Staging(destination)
    with staging as path:
        for name in ("a", "b"):
            (path / name).write_text("new")
        with pytest.raises(FileExistsError):
            staging.move_into(destination, ("a", "b"))
        (destination / "b").unlink()
        staging.move_into(destination, ("a", "b"))
    assert {each.name: each.read_text() for each in destination.iterdir()} == dict.fromkeys(
        ("a", "b"), "new"
    )
