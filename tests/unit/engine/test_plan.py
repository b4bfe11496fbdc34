"""The plan, by properties: every byte once, within the limits of S3."""

from __future__ import annotations

from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.engine import plan

sizes = st.lists(st.integers(0, 300), max_size=12)


def cut(gaps: list[list[plan.Stretch]], part: int, lanes: int, first: int = 0) -> list[plan.Range]:
    """All parts, in order."""
    cutting = plan.Cutting(gaps, lanes, first)
    return list(iter(lambda: cutting.next(part), None))


stretches = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted).map(tuple))


def whole(blob_sizes: list[int]) -> list[list[plan.Stretch]]:
    """Blobs of which nothing is there yet."""
    return [plan.gaps_between([], size) for size in blob_sizes]


@given(sizes, st.integers(1, 50), st.integers(1, 20))
def test_interleaved_parts_cover_every_blob_once(
    blob_sizes: list[int], part: int, lanes: int
) -> None:
    parts = cut(whole(blob_sizes), part, lanes)
    for blob, size in enumerate(blob_sizes):
        mine = [p for p in parts if p.blob == blob]
        assert [p.offset for p in mine] == list(range(0, size, part))
        assert sum(p.length for p in mine) == size
        assert all(0 < p.length <= part for p in mine)


@given(sizes, st.integers(1, 50), st.integers(1, 20))
def test_no_more_blobs_than_lanes_are_under_way_at_once(
    blob_sizes: list[int], part: int, lanes: int
) -> None:
    left = {n: -(-size // part) for n, size in enumerate(blob_sizes) if size}
    started: set[int] = set()
    for p in cut(whole(blob_sizes), part, lanes):
        started.add(p.blob)
        under_way = [n for n in started if left[n]]
        assert len(under_way) <= lanes
        left[p.blob] -= 1


@pytest.mark.parametrize("part", [8 * plan.MIB, 10_002_432, 49 * plan.MIB + 4096])
def test_large_parts_begin_where_a_write_should(part: int) -> None:
    size = plan.GIB + 12_345
    parts = cut([[(20_480, size)]], part, 1)
    assert not any(p.offset % plan.WRITE_BYTES for p in parts[1:])
    assert all(part - plan.WRITE_BYTES < p.length <= part for p in parts[:-1])
    assert sum(p.length for p in parts) == size - 20_480


def test_nodes_that_pull_together_begin_with_different_ranges() -> None:
    begun = {cut(whole([50, 40, 30]), 10, 3, first)[0].blob for first in range(3)}
    assert begun == {0, 1, 2}
    asked = [sorted((p.blob, p.offset) for p in cut(whole([50, 40]), 10, 2, n)) for n in (0, 1)]
    assert asked[0] == asked[1]


def test_lanes_take_turns_so_that_blobs_advance_together() -> None:
    blobs = [p.blob for p in cut(whole([30, 30, 30]), 10, 2)]
    assert blobs[:4] == [0, 1, 0, 1]
    assert set(blobs[-2:]) == {2}


@given(sizes, st.lists(st.integers(1, 50), min_size=1), st.integers(1, 20))
def test_parts_of_changing_sizes_cover_every_blob_once(
    blob_sizes: list[int], parts: list[int], lanes: int
) -> None:
    cutting, wanted = plan.Cutting(whole(blob_sizes), lanes), cycle(parts)
    position = dict.fromkeys(range(len(blob_sizes)), 0)
    while part := cutting.next(next(wanted)):
        assert part.offset == position[part.blob]
        position[part.blob] += part.length
        assert cutting.left_bytes == sum(blob_sizes) - sum(position.values())
    assert list(position.values()) == blob_sizes


@given(sizes, st.lists(st.tuples(st.integers(1, 50), st.booleans()), min_size=1), st.integers(1, 5))
def test_what_is_put_back_is_cut_once_more_and_all_of_it_once(
    blob_sizes: list[int], turns: list[tuple[int, bool]], lanes: int
) -> None:
    cutting, came = plan.Cutting(whole(blob_sizes), lanes), whole(blob_sizes)
    held: list[plan.Range] = []
    for part_bytes, is_put_back in turns:
        if part := cutting.next(part_bytes):
            held.append(part)
        if is_put_back and held:
            cutting.put_back(held.pop(0))
    rest = list(iter(lambda: cutting.next(7), None))
    for part in [*held, *rest]:
        end = part.offset + part.length
        assert any(a <= part.offset and end <= b for a, b in came[part.blob])
        came[part.blob] = plan.without(came[part.blob], part.offset, end)
    assert not any(came)
    assert cutting.left_bytes == 0


def test_what_is_put_back_is_one_with_what_is_missing_beside_it() -> None:
    cutting = plan.Cutting(whole([100]), 1)
    first, second, third = (plan.Range(0, 10 * n, 10) for n in range(3))
    assert [cutting.next(10) for _ in range(3)] == [first, second, third]
    for part in (second, first, third):
        cutting.put_back(part)
    assert cutting.next(100) == plan.Range(0, 0, 100)


@pytest.mark.parametrize(
    ("left", "interval_bytes", "part"),
    [
        (256 * plan.MIB, 0, 32 * plan.MIB),
        (256 * plan.MIB, plan.MIB, 32 * plan.MIB),
        (256 * plan.MIB, 16 * plan.MIB, 64 * plan.MIB),
        (16 * plan.MIB, 16 * plan.MIB, 16 * plan.MIB),
    ],
)
def test_parts_are_larger_where_few_requests_may_begin(
    left: int, interval_bytes: float, part: int
) -> None:
    assert plan.sparing_part_bytes(left, 2, interval_bytes) == part


@pytest.mark.parametrize(
    ("size", "in_flight", "part"),
    [
        (9 * plan.MIB, 25, 8 * plan.MIB),
        (256 * plan.MIB, 25, 8 * plan.MIB),
        (plan.GIB, 25, 32 * plan.MIB),
        (plan.GIB, 64, 16 * plan.MIB),
        (plan.GIB, 1000, 8 * plan.MIB),
        (40 * plan.GIB, 25, 64 * plan.MIB),
    ],
)
def test_parts_that_are_sent_are_larger_for_a_large_blob_if_they_are_enough(
    size: int, in_flight: int, part: int
) -> None:
    assert plan.sent_part_bytes(size, 8 * plan.MIB, 64 * plan.MIB, in_flight) == part
    assert plan.sent_part_bytes(size, 6 * plan.MIB, 6 * plan.MIB, in_flight) == 6 * plan.MIB


@given(stretches)
def test_gaps_are_exactly_what_is_not_present(present: list[plan.Stretch]) -> None:
    size = 50
    gaps = plan.gaps_between(present, size)
    there = {byte for start, end in present for byte in range(start, end)}
    missing = [byte for start, end in gaps for byte in range(start, end)]
    assert missing == [byte for byte in range(size) if byte not in there]
    assert plan.gaps_between(plan.gaps_between(gaps, size), size) == gaps


@given(stretches)
def test_what_comes_leaves_no_gap(came: list[plan.Stretch]) -> None:
    size = 50
    gaps = [(0, size)]
    parts = [(start, end) for start, end in came if start < end]
    for part in parts:
        gaps = plan.without(gaps, *part)
    assert gaps == plan.gaps_between(parts, size)


@given(stretches, st.integers(1, 20))
def test_the_end_of_a_blob_may_come_first(present: list[plan.Stretch], part: int) -> None:
    gaps = plan.gaps_between(present, 50)
    turned = plan.end_first(gaps, part)
    parts = list(plan.ranges(0, turned, part))
    in_order = list(plan.ranges(0, gaps, part))
    assert parts == in_order[-1:] + in_order[:-1]
