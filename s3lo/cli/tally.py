"""Tally: the bytes and the time of each phase of an operation so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from msgspec import Struct, field

from s3lo.cli.render import size
from s3lo.events import BytesMoved, Event, PhaseEnded, PhaseStarted

Clock = Callable[[], float]


class PhaseTally(Struct):
    """One phase. ``total_bytes`` 0: not known."""

    name: str
    total_bytes: int
    clock: Clock
    started_at: float
    done_bytes: int = 0
    is_over: bool = False

    def seconds(self) -> float:
        """Wall seconds since it began."""
        return self.clock() - self.started_at

    def line(self) -> str:
        """How far it is: ``transfer: 1.5 MB of 3.0 MB (50%), 0.5 MB/s``."""
        if not self.total_bytes and not self.done_bytes:
            return f"{self.name}: {self.seconds():.0f} s"
        speed = f"{size(self.done_bytes / max(self.seconds(), 0.001))}/s"
        if not self.total_bytes:
            return f"{self.name}: {size(self.done_bytes)}, {speed}"
        share = f"{100 * self.done_bytes / self.total_bytes:.0f}%"
        return (
            f"{self.name}: {size(self.done_bytes)} of {size(self.total_bytes)} ({share}), {speed}"
        )


class Tally(Struct):
    """Every phase that has begun. Written by the observer, read by the ticker, no lock needed."""

    clock: Clock = time.monotonic
    _phases: dict[str, PhaseTally] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Count an event; one of a phase that never began begins it."""
        if isinstance(event, BytesMoved):
            self._phase(event.phase).done_bytes += event.bytes_
        elif isinstance(event, PhaseStarted):
            self._begin(event.phase, event.total_bytes)
        elif isinstance(event, PhaseEnded):
            self._phase(event.phase).is_over = True

    def phases(self) -> tuple[PhaseTally, ...]:
        return tuple(self._phases.values())

    def running(self) -> tuple[PhaseTally, ...]:
        return tuple(phase for phase in self.phases() if not phase.is_over)

    def lines(self) -> Iterator[str]:
        """A line for people: the phases that run, side by side."""
        if running := self.running():
            yield "; ".join(phase.line() for phase in running)

    def _phase(self, name: str) -> PhaseTally:
        return self._phases.get(name) or self._begin(name, 0)

    def _begin(self, name: str, total_bytes: int) -> PhaseTally:
        self._phases[name] = PhaseTally(name, total_bytes, self.clock, self.clock())
        return self._phases[name]
