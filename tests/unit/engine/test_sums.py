"""Sums: the digest is right in whatever order the parts come, and nothing is left of a blob."""

from __future__ import annotations

import hashlib
import os
from queue import SimpleQueue
from random import Random
from threading import Thread

from hypothesis import given
from hypothesis import strategies as st

from s3lo.engine.jobs import Hashed
from s3lo.engine.sums import Sums


def _take(sums: Sums, content: bytes, start: int, end: int, step: int) -> None:
    share = sums.share(0, len(content), start)
    for position in range(start, end, step):
        share.take(memoryview(content)[position : min(end, position + step)])
    share.close()


@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 5), st.integers(0, 1 << 32))
def test_parts_in_any_order_give_the_digest_of_the_whole(
    size: int, part: int, step: int, seed: int
) -> None:
    content = Random(seed).randbytes(size)
    reports: list[Hashed] = []
    sums = Sums(reports.append)
    starts = list(range(0, size, part))
    Random(seed).shuffle(starts)
    for start in starts:
        assert reports == []
        _take(sums, content, start, min(size, start + part), step)
    assert reports == [Hashed(0, hashlib.sha256(content).hexdigest())]
    assert sums._blobs == {}


def test_a_part_whose_turn_comes_while_it_is_received_goes_on_from_what_it_kept() -> None:
    content = os.urandom(12)
    reports: list[Hashed] = []
    sums = Sums(reports.append)
    second = sums.share(0, 12, 4)
    second.take(memoryview(content)[4:7])
    _take(sums, content, 0, 4, 4)
    second.take(memoryview(content)[7:12])
    assert reports == []
    second.close()
    assert [each.hex for each in reports] == [hashlib.sha256(content).hexdigest()]


def test_what_came_of_a_part_that_broke_counts_and_the_rest_is_another_part() -> None:
    content = os.urandom(10)
    reports: list[Hashed] = []
    sums = Sums(reports.append)
    _take(sums, content, 5, 8, 2)
    _take(sums, content, 0, 3, 2)
    _take(sums, content, 8, 10, 2)
    _take(sums, content, 3, 5, 2)
    assert [each.hex for each in reports] == [hashlib.sha256(content).hexdigest()]


def test_a_blob_of_which_nothing_came_is_forgotten() -> None:
    sums = Sums(lambda _: None)
    first, second = sums.share(0, 10, 0), sums.share(0, 10, 5)
    first.close()
    assert sums._blobs
    second.close()
    assert sums._blobs == {}


def test_many_hands_give_the_digest_of_the_whole() -> None:
    content = os.urandom(8 << 20)
    reports: SimpleQueue[Hashed] = SimpleQueue()
    sums = Sums(reports.put)
    part = 64 << 10
    starts = list(range(0, len(content), part))
    Random(1).shuffle(starts)

    def hand(number: int) -> None:
        for start in starts[number::8]:
            _take(sums, content, start, start + part, 16 << 10)

    hands = [Thread(target=hand, args=(number,)) for number in range(8)]
    for each in hands:
        each.start()
    for each in hands:
        each.join()
    assert reports.get_nowait() == Hashed(0, hashlib.sha256(content).hexdigest())
    assert reports.empty()
