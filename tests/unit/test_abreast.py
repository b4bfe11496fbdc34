"""Many calls at one time: in order, bounded, and over when one fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from s3lo.abreast import abreast
from s3lo.errors import Interrupted


def test_results_come_in_the_order_of_the_items() -> None:
    def slow_first(number: int) -> int:
        if number == 0:
            others_ran.wait(10)
        if number == 3:
            others_ran.set()
        return number * 2

    others_ran = threading.Event()
    assert list(abreast(slow_first, range(50), 4)) == [number * 2 for number in range(50)]


def test_no_items_no_results() -> None:
    assert list(abreast(str, [], 4)) == []


def test_items_are_taken_only_as_results_are() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    results = abreast(str, items(), 4)
    assert next(results) == "0"
    assert len(taken) <= 2 * 4 + 1
    results.close()  # type: ignore[attr-defined]


def test_an_error_is_raised_in_its_turn_and_nothing_is_begun_after_it() -> None:
    begun: list[int] = []

    def fail_at_five(number: int) -> int:
        begun.append(number)
        if number == 5:
            raise ValueError(number)
        return number

    seen: list[int] = []
    with pytest.raises(ValueError, match="5"):
        for result in abreast(fail_at_five, range(1000), 2):
            seen.append(result)
    assert seen == [0, 1, 2, 3, 4]
    assert len(begun) < 20


def test_who_interrupts_does_not_wait_for_calls_that_hang() -> None:
    hanging = threading.Event()

    def hang(number: int) -> int:
        if number == 0:
            raise Interrupted("interrupted")
        hanging.wait(20)
        return number

    with pytest.raises(Interrupted):
        list(abreast(hang, range(4), 4))
    assert not hanging.is_set()
    hanging.set()


def test_who_cancels_does_not_wait_for_calls_that_hang() -> None:
    hanging, cancel = threading.Event(), threading.Event()

    def hang(number: int) -> int:
        if number == 1:
            cancel.set()
        if number:
            hanging.wait(20)
        return number

    results = abreast(hang, range(4), 4, cancel.is_set)
    assert next(results) == 0
    with pytest.raises(Interrupted):
        next(results)
    assert not hanging.is_set()
    hanging.set()
