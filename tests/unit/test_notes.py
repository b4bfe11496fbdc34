"""Notes: what has been done in a directory, for who goes on with it; nobody waits until they are made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from s3lo.errors import LocalError
from s3lo.notes import MOST_CHARACTERS, Notes, notes_in
from tests.faults.command import eventually


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Notes]:
    notes = Notes(tmp_path, {})
    yield notes
    notes.close()


class SlowDisk:
    """On which no file is renamed until it ``goes_on``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_asked, self.goes_on = Event(), Event()
        self.renamed = 0
        self._rename = os.rename
        monkeypatch.setattr(os, "rename", self._wait_and_rename)

    def _wait_and_rename(self, before: Path, now: Path) -> None:
        self.is_asked.set()
        assert self.goes_on.wait(10)
        self._rename(before, now)
        self.renamed += 1


@pytest.fixture
def slow_disk(notes: Notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlowDisk:
    """Beneath ``notes``, which have one already: another in its place is a rename."""
    notes.note(0, "0")
    assert eventually(lambda: names(tmp_path))
    return SlowDisk(monkeypatch)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_the_last_of_each_number_stays(notes: Notes, tmp_path: Path) -> None:
    for number, text in [(0, "3"), (12, "1"), (0, "f")]:
        notes.note(number, text)
    assert notes.texts == {0: "f", 12: "1"}
    assert eventually(lambda: notes_in(tmp_path) == {0: "f", 12: "1"})


def test_what_is_noted_takes_no_block_of_the_disk(notes: Notes, tmp_path: Path) -> None:
    """A disk that is told at once what is freed had a pull wait 45 to 530 ms for the blocks of its notes."""
    notes.note(0, "f" * MOST_CHARACTERS)
    assert eventually(lambda: notes_in(tmp_path))
    assert sum(file.stat().st_blocks for file in tmp_path.iterdir()) == 0


def test_nobody_waits_for_the_disk_and_what_was_told_meanwhile_is_made_once(
    notes: Notes, slow_disk: SlowDisk, tmp_path: Path
) -> None:
    """A pull's only thread that hands out work waited 0.26 s of 4 for a directory that was being written."""
    for count in range(1, 100):
        notes.note(0, f"{count:x}")
    assert names(tmp_path) == [".note-0-0"]
    slow_disk.goes_on.set()
    assert eventually(lambda: names(tmp_path) == [".note-0-63"])
    assert slow_disk.renamed <= 2


def test_who_is_at_the_end_waits_for_the_one_that_is_being_made_and_for_no_other(
    notes: Notes, slow_disk: SlowDisk, tmp_path: Path
) -> None:
    """The directory is moved then."""
    for number in range(3):
        notes.note(number, "1")
    assert slow_disk.is_asked.wait(10)
    closing = Thread(target=notes.close)
    closing.start()
    closing.join(0.1)
    assert closing.is_alive()
    slow_disk.goes_on.set()
    closing.join(10)
    assert names(tmp_path) == [".note-0-1"]


def test_what_could_not_be_made_is_told_with_the_next(notes: Notes, tmp_path: Path) -> None:
    tmp_path.rmdir()
    notes.note(0, "1")

    def is_told() -> bool:
        try:
            notes.note(0, "2")
        except LocalError as error:
            return "noting in" in str(error)
        return False

    assert eventually(is_told)
