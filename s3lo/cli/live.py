"""LiveBars: a bar for each phase, drawn by rich, which is imported once there is time to look."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from s3lo.cli.displays import Display
from s3lo.cli.tally import Tally

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class LiveBars(Display):
    """Bars on a terminal. The first tick comes after what a small image takes, so rich's import
    costs only those who wait anyway."""

    interval_seconds = 0.2

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def tick(self, tally: Tally) -> None:
        if self._progress is None:
            self._progress = _progress()
            self._progress.start()
        for phase in tally.phases():
            total = phase.total_bytes or None
            if phase.name not in self._tasks:
                self._tasks[phase.name] = self._progress.add_task(phase.name, total=total)
            task = self._tasks[phase.name]
            done = phase.total_bytes if phase.is_over else phase.done_bytes
            if phase.is_over and not total:
                total = done = phase.done_bytes or 1
            self._progress.update(task, completed=done, total=total)

    def note(self, text: str) -> None:
        if self._progress is None:
            sys.stderr.write(f"s3lo: {text}\n")
        else:
            self._progress.console.print(f"s3lo: {text}", markup=False, highlight=False)

    def end(self, tally: Tally) -> None:
        if self._progress is not None:
            self.tick(tally)
            self._progress.stop()


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description:<9}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
