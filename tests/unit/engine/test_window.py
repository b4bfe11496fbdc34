"""The window: turned by hand, halved by throttling, recovering."""

from __future__ import annotations

from s3lo.engine.window import HOLD_SECONDS, Window


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_of_throttled_parts_halves_the_window_once() -> None:
    clock = Clock()
    window = Window(32, 64, clock)
    for _ in range(32):
        window.on_throttled()
    assert (window.width, window.throttled) == (16, 32)
    clock.now += HOLD_SECONDS
    window.on_throttled()
    assert window.width == 8


def test_it_never_closes_and_recovers_to_where_it_was() -> None:
    clock = Clock()
    window = Window(8, 64, clock)
    for _ in range(10):
        window.on_throttled()
        clock.now += HOLD_SECONDS
    assert window.width == 1
    for _ in range(1000):
        window.on_done()
    assert window.width == 8


def test_the_knob_turns_within_one_and_the_most() -> None:
    window = Window(8, 64)
    for wanted, is_ in ((16, 16), (1000, 64), (0, 1)):
        window.set(wanted)
        assert window.width == is_
