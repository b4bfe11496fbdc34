"""Phase: a stretch of an operation that is announced, timed and ended."""

from __future__ import annotations

import time
from types import TracebackType

from s3lo.events import Observer, PhaseEnded, PhaseStarted


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
