"""Window: how many parts may be in flight. It halves when the service throttles and recovers.

throttled   half of what it was, at least 1; once per second at most, since all the parts that
            were in flight at that moment tend to fail together
done        after as many completions as the window is wide, one wider, up to the initial width
"""

from __future__ import annotations

import time
from collections.abc import Callable

HOLD_SECONDS = 1.0


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
        self._held_until = 0.0
        self._completions = 0

    def set(self, width: int) -> None:
        """Turn the knob: the width from now on, within 1 and ``most``."""
        self.width = self._goal = max(1, min(width, self.most))

    def on_throttled(self) -> None:
        self.throttled += 1
        if self._clock() < self._held_until:
            return
        self._held_until = self._clock() + HOLD_SECONDS
        self.width = max(1, self.width // 2)
        self._completions = 0

    def on_done(self) -> None:
        if self.width >= self._goal:
            return
        self._completions += 1
        if self._completions >= self.width:
            self._completions = 0
            self.width += 1
