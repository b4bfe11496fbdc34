"""Progress: what an operation tells about itself, shown on stderr by a thread that ticks.

    operation's threads ── events ──> Tally <── looks now and then ── ticker ── draws ──> stderr

The observer only counts, so that an engine moving gigabytes per second never waits for a terminal.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from s3lo.cli.displays import Display, JsonLines, PlainLines
from s3lo.cli.tally import Tally
from s3lo.events import Event, Note, Observer, ignore


def display_for(mode: str) -> Display:
    """The display of a progress mode; ``auto`` is a live one where there is a terminal."""
    if mode == "auto":
        is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        mode = "live" if is_terminal else "plain"
    if mode == "live":
        from s3lo.cli.live import LiveBars

        return LiveBars()
    return {"plain": PlainLines, "json": JsonLines, "none": Display}[mode]()


@contextmanager
def observing(mode: str, quiet: bool, verbosity: int) -> Iterator[Observer]:
    """Show an operation's progress while the block runs; gives the observer to hand to it."""
    if quiet:
        yield ignore
        return
    watcher = _Watcher(display_for(mode), verbosity)
    watcher.start()
    try:
        yield watcher.observe
    finally:
        watcher.stop()


class _Watcher:
    """Counts events as they come, and lets a display look at the count now and then."""

    def __init__(self, display: Display, verbosity: int) -> None:
        self._display = display
        self._verbosity = verbosity
        self._tally = Tally()
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)

    def start(self) -> None:
        self._ticker.start()

    def observe(self, event: Event) -> None:
        self._tally.add(event)
        with self._lock:
            if isinstance(event, Note):
                if event.level <= self._verbosity:
                    self._display.note(event.text)
            else:
                self._display.happened(event)

    def stop(self) -> None:
        self._is_over.set()
        self._ticker.join()
        self._display.end(self._tally)

    def _tick(self) -> None:
        while not self._is_over.wait(self._display.interval_seconds):
            with self._lock:
                self._display.tick(self._tally)
