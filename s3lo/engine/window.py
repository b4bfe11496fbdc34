"""Window: how many requests may be in flight. It narrows when the service throttles, and recovers.

throttled   half of what it was, at least 1; once per second at most, since all that was in flight
            at that moment tends to fail together; and not on where a narrower one is refused as
            often as the wider one was, for then the width is not what the service minds
quiet       a second after the last refusal half as wide again, four times a second, up to the
            width that was set
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

HOLD_SECONDS = 1.0
WIDEN_SECONDS = 0.25
WIDEN_FACTOR = 1.5
NARROWING_HELPS = 0.7
"""The odds of a refusal, to those of the wider window, below which narrowing is of use."""


class Window:
    """A width between 1 and ``most``. ``clock`` is a seam for tests."""

    def __init__(
        self, initial: int, most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.width = min(initial, most)
        self.most = most
        self.throttled = 0
        self._goal = self.width
        self._clock = clock
        self._next_change_at = 0.0
        self._throttled_at = -math.inf
        self._refused = 0
        self._served = 0
        self._odds_before = math.inf

    @property
    def is_recovering(self) -> bool:
        """Narrower than it was set."""
        return self.width < self._goal

    def set(self, width: int) -> None:
        """Turn the knob: the width from now on, within 1 and ``most``."""
        self.width = self._goal = max(1, min(width, self.most))

    def on_throttled(self) -> None:
        self.throttled += 1
        self._refused += 1
        now = self._throttled_at = self._clock()
        if now < self._next_change_at:
            return
        odds = self._refused / max(1, self._served)
        if odds < NARROWING_HELPS * self._odds_before:
            self.width = max(1, self.width // 2)
        self._odds_before = odds
        self._refused = self._served = 0
        self._next_change_at = now + HOLD_SECONDS

    def on_done(self) -> None:
        self._served += 1

    def on_time(self) -> None:
        """To be called a few times a second."""
        now = self._clock()
        if now < max(self._next_change_at, self._throttled_at + HOLD_SECONDS):
            return
        self._odds_before = math.inf
        if self.is_recovering:
            self.width = min(self._goal, math.ceil(self.width * WIDEN_FACTOR))
            self._next_change_at = now + WIDEN_SECONDS
