"""Journal: what of a pull has come, noted as it comes, for the next try if this one is killed.

A mark for each unit of the image's blobs that has come whole. The bytes were written before it is noted,
and a process that is killed leaves both to the kernel; after a power failure one may stand for bytes
that are not there. Neither matters: what is taken over is hashed like all else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from s3lo.engine.plan import Stretch
from s3lo.events import Event, Observer, PartDone
from s3lo.model.documents import Descriptor
from s3lo.notes import MOST_CHARACTERS, Notes
from s3lo.operations.pulling.units import Units

_NOTE_UNITS = 4 * MOST_CHARACTERS
"""Four with each hexadecimal digit."""
_NOTED_TO_NEW = 32
"""A note is due when the 32nd part of what is noted has come since. All but 3% is then noted, by two
or three hundred notes for an image of any size; each is a request where files lie behind a network."""


class Journal:
    """Of one staging directory, whose process this is."""

    def __init__(self, notes: Notes, blobs: Sequence[Descriptor], observer: Observer) -> None:
        """``blobs``: all of the image's, in its order."""
        self._notes = notes
        self._observe = observer
        self._units = Units(blobs)
        self._marks = _noted(notes, self._units.count)
        self._joined: dict[str, _Joined] = defaultdict(_Joined)
        self._noted_bytes = 0
        self._unnoted_bytes = 0

    def observe(self, event: Event) -> None:
        if isinstance(event, PartDone):
            came = self._joined[event.digest].add(event.offset, event.offset + event.length)
            self._mark(self._units.within(event.digest, *came), b"1")
            self._unnoted_bytes += event.length
            if self._unnoted_bytes * _NOTED_TO_NEW >= self._noted_bytes:
                self._note()
        self._observe(event)

    def present(self, blob: Descriptor, path: Path) -> tuple[Stretch, ...]:
        """What an earlier try left of a blob in its file; nothing where the file does not fit."""
        digest = str(blob.digest)
        try:
            is_there = path.lstat().st_size == blob.size
        except OSError:
            is_there = False
        if not is_there:
            self._mark(self._units.within(digest, 0, blob.size), b"0")
        stretches = self._units.stretches(digest, self._marks)
        self._noted_bytes += sum(end - start for start, end in stretches)
        return stretches

    def _mark(self, units: slice, mark: bytes) -> None:
        self._marks[units] = mark * (units.stop - units.start)

    def _note(self) -> None:
        for number, start in enumerate(range(0, len(self._marks), _NOTE_UNITS)):
            text = f"{int(self._marks[start : start + _NOTE_UNITS], 2):x}"
            if text != self._notes.texts.get(number, "0"):
                self._notes.note(number, text)
        self._noted_bytes += self._unnoted_bytes
        self._unnoted_bytes = 0


def _noted(notes: Notes, count: int) -> bytearray:
    """So many marks, as they were noted."""
    marks = bytearray(b"0" * count)
    for number, start in enumerate(range(0, count, _NOTE_UNITS)):
        width = min(_NOTE_UNITS, count - start)
        with suppress(ValueError):  # not of ours
            row = f"{int(notes.texts.get(number, '0'), 16):0{width}b}"
            marks[start : start + width] = row[-width:].encode()
    return marks


class _Joined:
    """Stretches of a blob that have come, each joined with its neighbours."""

    def __init__(self) -> None:
        self._start_by_end: dict[int, int] = {}
        self._end_by_start: dict[int, int] = {}

    def add(self, start: int, end: int) -> Stretch:
        """Returns the stretch that it is part of now."""
        start = self._start_by_end.pop(start, start)
        end = self._end_by_start.pop(end, end)
        self._start_by_end[end], self._end_by_start[start] = start, end
        return start, end
