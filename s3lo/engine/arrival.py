"""Arrival: how far a blob has come whose file is filled while it is sent."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition


class Arrival:
    """For any thread. ``step_bytes``: what comes at a time, and is sent as a part."""

    def __init__(self, step_bytes: int) -> None:
        self.step_bytes = step_bytes
        self.end = 0
        """So many bytes from the blob's beginning are in its file."""
        self._changed = Condition()
        self._tell: Callable[[], None] | None = None

    def advance(self, end: int) -> None:
        with self._changed:
            self.end = end
            self._changed.notify_all()
            tell = self._tell
        if tell:
            tell()

    def listen(self, tell: Callable[[], None]) -> None:
        """Be told when more has come; what came before counts as well. For one listener."""
        with self._changed:
            self._tell = tell
        tell()

    def wait_beyond(self, position: int, seconds: float) -> bool:
        """Whether there is more than up to a position, after waiting for it no longer than this."""
        with self._changed:
            return self._changed.wait_for(lambda: self.end > position, seconds)
