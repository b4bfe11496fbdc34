"""Files: names taken in one step, and where temporary files lie."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from s3lo import files
from s3lo.errors import LocalError
from s3lo.files import is_mount_point, rename_new, scratch_directory


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
