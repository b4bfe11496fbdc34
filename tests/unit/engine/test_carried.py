"""What was carried, and the moment it belongs to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from s3lo.engine.carried import Carried, counted
from s3lo.engine.pool import InProcessWorker, Pool
from tests.unit.engine.test_coordinator import Backend


class Told(InProcessWorker):
    """One that told what it has carried a while ago."""

    def __init__(self, carried: Carried) -> None:
        super().__init__(Backend(), lambda _: None, owns_backend=True)
        self._carried = carried

    def carried(self) -> Carried:
        return self._carried


def test_who_had_to_wait_half_way_counts_anew() -> None:
    moments, counts = iter([0.0, 0.040, 0.040, 0.041]), iter([7, 9])
    carried = counted(lambda: next(counts), lambda: next(moments))
    assert carried.moment == pytest.approx(0.0405)
    assert carried.bytes_ == 9


def test_who_always_has_to_wait_counts_all_the_same() -> None:
    def clock() -> Iterator[float]:
        now = 0.0
        while True:
            yield now
            now += 1.0

    moments = clock()
    assert counted(lambda: 7, lambda: next(moments)).bytes_ == 7


def test_workers_tell_it_at_moments_of_their_own() -> None:
    told = [Carried(1.0, 100), Carried(1.1, 120)]
    pool = Pool(lambda number: Told(told[number]), 2)
    carried = pool.carried()
    assert carried.moment == pytest.approx(1.05)
    assert carried.bytes_ == 220
    pool.remove(0)
    assert pool.carried() == Carried(1.1, 220)
