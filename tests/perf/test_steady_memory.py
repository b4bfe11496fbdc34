"""Steady memory: the image that is served stays in memory, and only while runs go on."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from perf import steady_memory as module
from perf.steady_memory import kept_in_memory
from perf.stock import StockImage, stock_image
from perf.workload import Shape

MIB = 1 << 20


@pytest.fixture
def image(tmp_path: Path) -> StockImage:
    return stock_image(Shape(blobs=3, blob_size="2MiB"), tmp_path)


def locked_bytes() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmLck:"))


def may_lock(count: int) -> bool:
    """RLIMIT_MEMLOCK does not bind root."""
    return os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] >= count


@pytest.mark.skipif(not may_lock(6 * MIB), reason="nobody but root may lock so much here")
def test_large_blobs_are_kept_while_runs_go_on(image: StockImage) -> None:
    before = locked_bytes()
    with kept_in_memory(image):
        assert locked_bytes() - before == 6 * MIB
    assert locked_bytes() == before


def test_of_an_image_that_is_a_large_part_of_memory_nothing_is_kept(
    image: StockImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST", 0.0)
    before = locked_bytes()
    with kept_in_memory(image):
        assert locked_bytes() == before


def test_who_may_lock_nothing_goes_on_without(
    image: StockImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise BlockingIOError(f"{path}: too much locked")

    monkeypatch.setattr(module, "_locked", refuse)
    with kept_in_memory(image):
        pass
