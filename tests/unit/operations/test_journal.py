"""The journal: what has come of an image's blobs, for a next try."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.engine.plan import gaps_between
from s3lo.events import Event, PartDone, ignore
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor
from s3lo.notes import Notes
from s3lo.operations.pulling.journal import Journal
from s3lo.operations.pulling.units import Units
from s3lo.staging import Staging

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def blob_of(size: int, name: int = 0) -> Descriptor:
    return Descriptor("layer", Digest.of(b"%d" % name), size)


def blobs_of(*sizes: int) -> list[Descriptor]:
    return [blob_of(size, number) for number, size in enumerate(sizes)]


def named(blob: Descriptor) -> str:
    return str(blob.digest)


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Notes]:
    staging = Staging(tmp_path, key="image")
    with staging:
        yield staging.notes


def tell(journal: Journal, blob: Descriptor, start: int, end: int) -> None:
    journal.observe(PartDone(named(blob), start, end - start))


def left(
    notes: Notes, blobs: list[Descriptor], tmp_path: Path
) -> list[tuple[tuple[int, int], ...]]:
    """What the next try finds of each, whose files all have their size."""
    journal = Journal(notes, blobs, ignore)
    found = []
    for blob in blobs:
        path = tmp_path / blob.digest.hex
        path.touch()
        with path.open("r+b") as file:
            file.truncate(blob.size)
        found.append(journal.present(blob, path))
    return found


def test_the_next_try_finds_what_came(notes: Notes, tmp_path: Path) -> None:
    blobs = blobs_of(5 * MIB, 100 * KIB, 3 * MIB + 1)
    journal = Journal(notes, blobs, ignore)
    tell(journal, blobs[0], MIB, 2 * MIB)
    tell(journal, blobs[0], 3 * MIB, 5 * MIB)
    tell(journal, blobs[1], 0, 100 * KIB)
    tell(journal, blobs[2], 2 * MIB, 3 * MIB + 1)
    assert left(notes, blobs, tmp_path) == [
        ((MIB, 2 * MIB), (3 * MIB, 5 * MIB)),
        ((0, 100 * KIB),),
        ((2 * MIB, 3 * MIB + 1),),
    ]


def test_parts_that_end_within_a_unit_make_it_whole_together(notes: Notes, tmp_path: Path) -> None:
    [blob] = blobs = blobs_of(MIB)
    journal = Journal(notes, blobs, ignore)
    for start, end in [(0, 100 * KIB), (200 * KIB, MIB), (100 * KIB, 200 * KIB)]:
        tell(journal, blob, start, end)
    assert left(notes, blobs, tmp_path) == [((0, MIB),)]


def test_events_are_passed_on(notes: Notes) -> None:
    [blob] = blobs = blobs_of(MIB)
    seen: list[Event] = []
    tell(Journal(notes, blobs, seen.append), blob, 0, MIB)
    assert seen == [PartDone(named(blob), 0, MIB)]


def test_a_file_of_another_size_has_nothing_of_it(notes: Notes, tmp_path: Path) -> None:
    [blob] = blobs = blobs_of(MIB)
    tell(Journal(notes, blobs, ignore), blob, 0, MIB)
    path = tmp_path / "blob"
    for size in (None, MIB - 1):
        if size:
            path.write_bytes(bytes(size))
        assert Journal(notes, blobs, ignore).present(blob, path) == ()


def test_notes_of_somebody_else_are_nothing(notes: Notes, tmp_path: Path) -> None:
    notes.note(0, "no number")
    assert left(notes, blobs_of(MIB), tmp_path) == [()]


@pytest.mark.parametrize(("parts", "most_notes"), [(20, 20), (512, 200), (10_000, 320)])
def test_notes_are_few_and_leave_little_out(
    notes: Notes, tmp_path: Path, parts: int, most_notes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each costs a request where files lie behind a network; what is not noted is fetched again."""
    blobs = blobs_of(*[64 * KIB] * parts)
    journal = Journal(notes, blobs, ignore)
    made: list[int] = []
    note = notes.note

    def counted(number: int, text: str) -> None:
        made.append(number)
        note(number, text)

    monkeypatch.setattr(notes, "note", counted)
    for number, blob in enumerate(blobs, 1):
        tell(journal, blob, 0, blob.size)
        if number in (parts // 3, parts):
            found = sum(map(bool, left(notes, blobs, tmp_path)))
            assert found >= 0.96 * number
    assert len(made) <= most_notes


@pytest.mark.parametrize(("size", "each"), [(0, 64 * KIB), (GIB, 64 * KIB), (12 * GIB, MIB)])
def test_units_are_small_beside_the_image(size: int, each: int) -> None:
    assert Units([blob_of(size)]).bytes_each == each


SIZES = st.lists(st.integers(0, 3 * MIB), min_size=1, max_size=4)


@given(SIZES, st.data())
def test_only_what_came_is_told_and_all_of_it_but_for_the_edges(
    sizes: list[int], data: st.DataObject
) -> None:
    blobs = blobs_of(*sizes)
    units = Units(blobs)
    marks, came = bytearray(b"0" * units.count), {}
    for blob in blobs:
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, blob.size)] * 2)))
        came[blob] = (start, end)
        whole = units.within(named(blob), start, end)
        marks[whole] = b"1" * len(marks[whole])
    for blob, (start, end) in came.items():
        told = units.stretches(named(blob), marks)
        told_bytes = sum(b - a for a, b in told)
        assert all(start <= a < b <= end for a, b in told)
        assert told_bytes > end - start - 2 * units.bytes_each
        if (start, end) == (0, blob.size):
            assert gaps_between(told, blob.size) == []
