"""Phase: a stretch of an operation that is announced, timed and ended, or cancelled."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from s3lo.errors import Interrupted
from s3lo.events import Event, Observer, PhaseEnded, PhaseStarted


def cancellable(observer: Observer, cancel: threading.Event | None) -> Observer:
    """The observer, ending the operation at its next event once ``cancel`` is set.

    The engine looks at ``cancel`` by itself; this is for what runs before and after it.
    """
    if cancel is None:
        return observer

    def observe(event: Event) -> None:
        if cancel.is_set():
            raise Interrupted("cancelled")
        observer(event)

    return observe


def one_at_a_time(observer: Observer) -> Observer:
    """The observer, for an operation that does two things beside each other."""
    lock = threading.Lock()

    def observe(event: Event) -> None:
        with lock:
            observer(event)

    return observe


class Phase:
    """``with Phase("transfer", observer, total) as phase: …``; then ``phase.seconds``."""

    def __init__(self, name: str, observer: Observer, total_bytes: int = 0) -> None:
        self.seconds = 0.0
        self._name = name
        self._observe = observer
        self._total_bytes = total_bytes
        self._started_at = 0.0

    def __enter__(self) -> Phase:
        self._observe(PhaseStarted(self._name, self._total_bytes))
        self._started_at = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.seconds = time.monotonic() - self._started_at
        if kind is None:
            self._observe(PhaseEnded(self._name, self.seconds))
