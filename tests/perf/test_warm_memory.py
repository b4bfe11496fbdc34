"""Warm memory: what is taken is given back but for a page of each block, and at the end all of it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from perf import warm_memory as module
from perf.warm_memory import warm_memory

MIB = 1 << 20


def resident_bytes() -> int:
    return int(psutil.Process().memory_info().rss)


def count(name: str) -> int:
    """One of the kernel's counters, which only rise."""
    lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    return next(int(value) for key, value in map(str.split, lines) if key == name)


def test_all_but_a_page_of_each_block_is_given_back() -> None:
    before = resident_bytes()
    with warm_memory(64 * MIB):
        assert resident_bytes() - before < 16 * MIB


def test_large_pages_are_split_for_of_a_whole_one_nothing_becomes_free() -> None:
    given = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not given.exists() or "[never]" in given.read_text(encoding="ascii"):
        pytest.skip("this kernel gives no large pages")
    before = count("thp_split_page")
    with warm_memory(64 * MIB):
        assert count("thp_split_page") > before


def test_no_more_is_taken_than_half_of_what_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(module, "_hold", taken.append)
    available = psutil.virtual_memory().available
    with warm_memory(1 << 40):
        assert taken[0] * 2 * MIB == pytest.approx(available / 2, rel=0.1)


def test_for_little_nothing_is_taken() -> None:
    before = resident_bytes()
    with warm_memory(1000):
        assert resident_bytes() - before < MIB
