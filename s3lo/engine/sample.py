"""Sample: what a window brought over a moment that is long enough and in which it came steadily. Pure.

What the kernel has kept while nobody had time for it comes all at once, and a connection that has just
begun brings more with each round trip: over a link of 2 Gbit/s 4.1 once seemed to come, and 100 in
flight became 244.
"""

from __future__ import annotations

from msgspec import Struct

from s3lo.engine.cpu_use import CpuUse

STEADY_RISE = 1.25
"""Of the goodput from the first half of a sample to the second, at most."""
STEADY_FALL = 1.5
MOST_PROLONGED = 5
"""Times, by half a sample each: of slow connections little comes, and that by fits and starts."""


class Standing(Struct, frozen=True):
    """What a transfer has got done up to a moment, and what of the CPUs was used."""

    moment: float
    bytes_: int
    cpu_use: CpuUse = CpuUse()
    in_flight: int = 0
    connections: int = 1 << 30
    """Over which anything has moved; where that is not told, all that are wanted."""

    def goodput_since(self, before: Standing) -> float:
        """Bytes per second; 0 where no time has passed, for a moment may be told twice."""
        seconds = self.moment - before.moment
        return (self.bytes_ - before.bytes_) / seconds if seconds > 0 else 0.0


class Sample:
    """From ``begun`` on, for so many seconds at least."""

    def __init__(
        self, begun: Standing, seconds: float, *, most_prolonged: int = MOST_PROLONGED
    ) -> None:
        """``most_prolonged``: 0 where it does not matter what came."""
        self.begun = begun
        self._seconds = seconds
        self._middle: Standing | None = None
        self._left = most_prolonged

    @property
    def due_at(self) -> float:
        """When there is something to be looked at."""
        return self.begun.moment + self._seconds / (1 if self._middle else 2)

    def is_complete(self, now: Standing) -> bool:
        """Whether it can be judged now; where it is not steady, its first half is left out and it takes
        half as long once more."""
        elapsed_seconds = now.moment - self.begun.moment
        if elapsed_seconds < self._seconds:
            if self._middle is None and elapsed_seconds >= self._seconds / 2:
                self._middle = now
            return False
        middle = self._middle
        if middle is None:
            return True
        if now.moment <= middle.moment:
            return False  # told once more
        if not self._left or _is_steady(self.begun, middle, now):
            return True
        self.begun, self._middle = middle, now
        self._left -= 1
        return False


def _is_steady(begun: Standing, middle: Standing, ended: Standing) -> bool:
    first, second = middle.goodput_since(begun), ended.goodput_since(middle)
    return first / STEADY_FALL <= second <= first * STEADY_RISE
