"""Sampled: the most that a directory took at any moment, looked at again and again."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

_SAMPLE_SECONDS = 0.02


class Space(threading.Thread):
    """The most that lies in a directory, in blocks that are taken."""

    def __init__(self, directory: Path) -> None:
        super().__init__(daemon=True)
        directory.mkdir(exist_ok=True)
        self.peak_bytes = 0
        self._directory = directory
        self._ended = threading.Event()

    def __enter__(self) -> Space:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self.peak_bytes = max(self.peak_bytes, self._taken())

    def _taken(self) -> int:
        taken = 0
        with suppress(FileNotFoundError):  # a directory that is gone ends the walk
            for path in self._directory.rglob("*"):
                with suppress(FileNotFoundError):
                    taken += path.stat().st_blocks * 512
        return taken
