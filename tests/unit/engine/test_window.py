"""The window: it narrows when the service throttles, and recovers."""

from __future__ import annotations

from s3lo.engine.window import HOLD_SECONDS, Window


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_of_throttled_parts_halves_the_window_once() -> None:
    clock = Clock()
    window = Window(100, 200, clock)
    for _ in range(60):
        window.on_throttled()
    assert (window.width, window.throttled) == (50, 60)


def test_it_narrows_on_while_that_lessens_the_refusals_and_never_closes() -> None:
    clock = Clock()
    window = Window(64, 64, clock)
    for served in (1, 2, 4, 8, 16, 32, 64, 128, 256):
        for _ in range(served):
            window.on_done()
        clock.now += HOLD_SECONDS
        window.on_throttled()
    assert window.width == 1


def test_refusals_that_narrowing_does_not_lessen_leave_it_a_quarter() -> None:
    """20% of requests refused whatever the width, which went down to one connection."""
    clock = Clock()
    window = Window(64, 64, clock)
    for _ in range(50):
        clock.now += HOLD_SECONDS / 5
        window.on_throttled()
        for _ in range(4):
            window.on_done()
        window.on_time()
    assert window.width >= 16


def test_it_is_back_within_five_seconds_of_the_last_refusal() -> None:
    clock = Clock()
    window = Window(256, 256, clock)
    window.width = 1
    window.on_throttled()
    narrowest = window.width
    ended_at = clock.now
    while window.is_recovering:
        clock.now += 0.05
        window.on_time()
    assert narrowest == 1
    assert HOLD_SECONDS < clock.now - ended_at < 5
    assert window.width == 256


def test_it_does_not_recover_while_refusals_go_on() -> None:
    clock = Clock()
    window = Window(100, 100, clock)
    for _ in range(40):
        window.on_throttled()
        clock.now += HOLD_SECONDS / 4
        window.on_time()
    assert window.width <= 50


def test_the_knob_turns_within_one_and_the_most() -> None:
    window = Window(10, 20)
    for asked, got in ((15, 15), (99, 20), (0, 1)):
        window.set(asked)
        assert window.width == got
        assert not window.is_recovering
