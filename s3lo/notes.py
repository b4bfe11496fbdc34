"""Notes: what has been done in a directory, in names of empty files in it.

A block that is freed at the end has to be told to the disk on some file systems (ext4 that discards and
has no journal), behind all that is being written: a pull of 3.5 s waited 0.05 to 0.5 s for those of its
notes. So they have none.

They are made by a thread of their own. From time to time the block of the directory's names is written
to the disk, behind all the blobs that are, and who makes or renames a file there waits for it: the
thread that hands out a pull's work waited 0.26 s of 4, and the pull took 1.15 of the time.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue

from s3lo.errors import from_os

PREFIX = ".note-"
MOST_CHARACTERS = 200
"""Of a note, in a file's name, which has 255."""
_NAME = re.compile(r"\.note-(\d{1,4})-(.+)\Z")


class Notes:
    """Told by one thread; ``close`` them before the directory is moved, or removed."""

    def __init__(self, directory: Path, found: Mapping[int, str]) -> None:
        self._directory = directory
        self._texts = dict(found)
        self._made = dict(found)
        self._to_make: SimpleQueue[int | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._error: OSError | None = None

    @property
    def texts(self) -> Mapping[int, str]:
        """By number; the last of them may not have been made yet."""
        return self._texts

    def note(self, number: int, text: str) -> None:
        """Something that can stand in a file's name, in place of what was noted under that number
        before: who is killed has noted one or the other. Raises DiskFull or LocalError where one could
        not be made before."""
        if (error := self._error) is not None:
            raise from_os(error, f"noting in {self._directory} what was done") from error
        self._texts[number] = text
        if self._thread is None:
            self._thread = threading.Thread(target=self._make_all, name="s3lo-notes", daemon=True)
            self._thread.start()
        self._to_make.put(number)

    def close(self) -> None:
        """None is made any more, be it that some have not been."""
        self._is_closed = True
        if self._thread:
            self._to_make.put(None)
            self._thread.join()

    def _make_all(self) -> None:
        try:
            while (number := self._to_make.get()) is not None and not self._is_closed:
                self._make(number, self._texts[number])
        except OSError as error:
            self._error = error

    def _make(self, number: int, text: str) -> None:
        before, now = self._made.get(number), self._path(number, text)
        if before == text:
            return  # told again while the one before was being made
        if before is None:
            now.touch(exist_ok=False)
        else:
            os.rename(self._path(number, before), now)
        self._made[number] = text

    def _path(self, number: int, text: str) -> Path:
        return self._directory / f"{PREFIX}{number}-{text}"


def notes_in(directory: Path) -> dict[int, str]:
    """What was noted there, by number."""
    found = (_NAME.match(name) for name in os.listdir(directory))
    return {int(note[1]): note[2] for note in found if note}
