"""CPUs: affinity and quota, whichever allows less."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from s3lo import cpus
from s3lo.transports import compression


@pytest.mark.parametrize(
    ("quota", "usable"),
    [
        ("max 100000\n", 4),
        ("150000 100000\n", 2),
        ("1000 100000\n", 1),
        ("900000 100000\n", 4),
        ("", 4),
        ("1 0", 4),
        ("none", 4),
    ],
)
def test_the_smaller_of_affinity_and_quota_counts(
    quota: str, usable: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(cpus, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    assert cpus.usable_cpus() == usable


def test_without_control_groups_it_is_the_affinity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpus, "_QUOTA", tmp_path / "absent")
    assert cpus.usable_cpus() == len(os.sched_getaffinity(0))


def test_compression_uses_no_more_threads_than_there_are_cpus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a container with two of 64 cores, 64 threads only took memory and each other's time."""
    asked: list[int] = []

    def executor(threads: int, _name: str) -> None:
        asked.append(threads)

    monkeypatch.setattr(compression, "ThreadPoolExecutor", executor)
    monkeypatch.setattr(compression, "usable_cpus", lambda: 2)
    compression.Compressor()
    assert asked[0] == 2
