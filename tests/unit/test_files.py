"""Files: staging directories among others of their kind, and names taken in one step."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from pathlib import Path

import pytest

from s3lo import files
from s3lo.errors import LocalError
from s3lo.files import Staging, is_mount_point, rename_new, scratch_directory


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


def test_a_name_that_is_taken_stays_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("new")
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(FileExistsError):
        rename_new(tmp_path / "new", tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"
    rename_new(tmp_path / "new", tmp_path / "free")
    assert (tmp_path / "free").read_text() == "new"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("number", [0, errno.EPERM, errno.EOPNOTSUPP])
def test_file_systems_without_flags_or_links_take_new_names_too(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAT, CIFS and FUSE know no links: a pull to one failed when everything was there."""
    monkeypatch.setattr(files, "_rename2", lambda *_: False)

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    if number:
        monkeypatch.setattr(os, "link", refuse)
    test_a_name_that_is_taken_stays_what_it_is(tmp_path)


def test_a_directory_gets_a_new_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        rename_new(tmp_path / name, tmp_path / f"new-{name}")
        assert (tmp_path / f"new-{name}").is_dir()
        monkeypatch.setattr(files, "_rename2", lambda *_: False)


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


def test_a_mount_point_is_known(tmp_path: Path) -> None:
    assert is_mount_point(Path("/proc"))
    (tmp_path / "link").symlink_to("/proc")
    assert is_mount_point(tmp_path / "link")
    assert not is_mount_point(tmp_path)
    assert not is_mount_point(tmp_path / "absent")


def test_a_directory_bound_over_another_is_a_mount_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the device of the directory around it, which is all that ismount() looks at."""
    bound = tmp_path / "with space"
    bound.mkdir()
    escaped = str(bound).replace(" ", r"\040")
    line = f"1 2 8:1 /x {escaped} rw - ext4 /dev/sda rw"
    monkeypatch.setattr(files, "_mounts", lambda: [line.split()])
    assert is_mount_point(bound)
    assert not is_mount_point(tmp_path)


def test_temporary_files_lie_where_one_says(tmp_path: Path) -> None:
    assert scratch_directory(tmp_path) == tmp_path
    assert scratch_directory(None) == Path(tempfile.gettempdir())


def test_no_place_for_temporary_files_is_a_local_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", missing)
    with pytest.raises(LocalError) as raised:
        scratch_directory(None)
    assert "--tmpdir" in raised.value.hint
