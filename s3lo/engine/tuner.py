"""Tuner: looks for the width at which bytes come fastest. A pure decision on samples.

    climb   as wide as the target needs at what a connection gives, at least twice and at most 16
            times, as long as that pays
    hold    where it stopped, trying a bit wider and a bit narrower by turns, ever less often while
            nothing changes: what is given up when narrower is no slower costs nobody anything

A sample is the goodput over a moment during which the window was full; what comes while
new connections are being made is left out. Paid for with the same origin and 8 MB/s a connection:
awscrt, which opens 25 for its default target and stays there, and this, which finds hundreds.
"""

from __future__ import annotations

from enum import Enum, auto

from msgspec import Struct

SETTLE_SECONDS = 0.08
"""After a change, before goodput is looked at."""
SAMPLE_SECONDS = 0.15
DOUBLING_PAYS = 1.25
"""The least goodput, to that before, that makes twice the width worth having."""
WIDER_PAYS = 1.08
NARROWER_COSTS_NOTHING = 0.97
STEP = 1.5
MOST_AT_ONCE = 16
LEAST_WIDTH = 2
FIRST_REST_SECONDS = 1.0
LONGEST_REST_SECONDS = 16.0


class _Phase(Enum):
    CLIMB = auto()
    REST = auto()
    COMPARE = auto()
    TRY = auto()


class _Sample(Struct):
    """Where a stretch of time began, and with how many bytes."""

    since: float
    bytes_: int


class Tuner:
    """``observe`` it a few times a second; ``width`` is what it wants."""

    def __init__(self, initial: int, most: int, target_gbps: float) -> None:
        self.width = min(initial, most)
        self._most = most
        self._target = target_gbps * 1e9 / 8
        """Bytes per second."""
        self._phase = _Phase.CLIMB
        self._sample: _Sample | None = None
        self._base = (self.width, 0.0)
        """The width to fall back to, and its goodput in bytes per second."""
        self._is_doubted = False
        """The last sample of a climb did not pay; one more decides, for a moment proves little."""
        self._goes_up = True
        self._rest_seconds = FIRST_REST_SECONDS
        self._rest_until = 0.0
        self.reason = ""
        """Of the last change, in words."""

    def observe(self, now: float, progress_bytes: int, is_full: bool) -> None:
        """What has come up to ``now``; ``is_full``: the window was, so that its width mattered."""
        if not is_full or (progress_bytes == 0 and self._phase is _Phase.CLIMB):
            self._sample = None
            return
        if self._phase is _Phase.REST:
            if now >= self._rest_until:
                self._enter(_Phase.COMPARE)
            return
        if self._sample is None:
            self._sample = _Sample(now + SETTLE_SECONDS, -1)
        if now < self._sample.since:
            return
        if self._sample.bytes_ < 0:
            self._sample = _Sample(now, progress_bytes)
            return
        seconds = now - self._sample.since
        if seconds >= SAMPLE_SECONDS:
            self._decide((progress_bytes - self._sample.bytes_) / seconds, now)

    def disturbed(self) -> None:
        """The width was not the tuner's for a while: what was measured meanwhile says nothing."""
        self._sample = None

    def _decide(self, goodput: float, now: float) -> None:
        self._sample = None
        if self._phase is _Phase.CLIMB:
            self._climb(goodput, now)
        elif self._phase is _Phase.COMPARE:
            self._base = (self.width, goodput)
            self._enter(_Phase.TRY)
            self._turn(self._next_try(), goodput)
        else:
            self._tried(goodput, now)

    def _climb(self, goodput: float, now: float) -> None:
        width, before = self._base
        if goodput >= DOUBLING_PAYS * before:
            self._is_doubted = False
            self._base = (self.width, goodput)
            if self.width < self._most:
                self._turn(self._next_climb(goodput), goodput)
            else:
                self._settle(self.width, goodput, now)
        elif not self._is_doubted:
            self._is_doubted = True
        else:
            self._is_doubted = False
            self._settle(width, goodput, now)

    def _tried(self, goodput: float, now: float) -> None:
        width, before = self._base
        paid = WIDER_PAYS if self._goes_up else NARROWER_COSTS_NOTHING
        if self.width == width or goodput < paid * before:
            self._goes_up = not self._goes_up
            self._rest_seconds = min(2 * self._rest_seconds, LONGEST_REST_SECONDS)
            self._settle(width, goodput, now)
            return
        self._rest_seconds = FIRST_REST_SECONDS
        if self._goes_up and goodput >= DOUBLING_PAYS * before:
            self._base = (self.width, goodput)
            self._enter(_Phase.CLIMB)
            self._turn(self._next_climb(goodput), goodput)
        else:
            self._settle(self.width, goodput, now)

    def _next_climb(self, goodput: float) -> int:
        needed = self._target / max(1.0, goodput / self.width)
        least, most = 2 * self.width, MOST_AT_ONCE * self.width
        return min(self._most, round(min(max(least, needed), most)))

    def _next_try(self) -> int:
        if self._goes_up:
            return min(self._most, max(self.width + 1, round(self.width * STEP)))
        return max(min(LEAST_WIDTH, self.width), round(self.width / STEP))

    def _settle(self, width: int, goodput: float, now: float) -> None:
        if width != self.width:
            self._turn(width, goodput)
        self._rest_until = now + self._rest_seconds
        self._enter(_Phase.REST)

    def _turn(self, width: int, goodput: float) -> None:
        self.reason = f"{self.width} in flight brought {goodput * 8 / 1e9:.2f} Gbit/s: now {width}"
        self.width = width

    def _enter(self, phase: _Phase) -> None:
        self._phase = phase
        self._sample = None
