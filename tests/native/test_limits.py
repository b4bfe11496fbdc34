"""Limits: every item is measured, and nothing is left behind."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import missing
from tests.servers import Missing
from tests.servers.native import native_program

ITEMS = {
    "loopback": {"tcp_1_stream", "tcp_a_stream_a_cpu"},
    "memory": {"copy_1_thread", "copy_all_cpus"},
    "disk": {"write_cached", "write_and_sync", "read_cached", "write_direct", "read_direct"},
    "hash": {
        *("sha256_1_thread", "sha256_all_cpus"),
        *("aes_128_gcm_1_thread", "aes_128_gcm_all_cpus"),
    },
}
MAY_BE_MISSING = {"write_direct", "read_direct"}
"""Not every file system lets a file be read past the page cache."""


@pytest.fixture(scope="session")
def limits() -> Path:
    try:
        return native_program("limits")
    except Missing as reason:
        missing(reason)


def run_limits(limits: Path, directory: Path, *arguments: str) -> dict[str, Any]:
    command = [str(limits), "--directory", str(directory), "--seconds", "0.01", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_every_item_is_measured(limits: Path, tmp_path: Path) -> None:
    found = run_limits(limits, tmp_path, "--rounds", "3")
    assert found["cpus"] == os.sysconf("SC_NPROCESSORS_ONLN")
    assert found["sha_ni"] == (" sha_ni" in Path("/proc/cpuinfo").read_text("utf-8"))
    assert {item: set(each) for item, each in found["bytes_per_second"].items()} == ITEMS
    for each in found["bytes_per_second"].values():
        for name, speed in each.items():
            if speed is None:
                assert name in MAY_BE_MISSING
            else:
                assert 0 < speed["least"] <= speed["median"] <= speed["most"]


def test_only_what_is_asked_for_is_measured(limits: Path, tmp_path: Path) -> None:
    found = run_limits(limits, tmp_path, "--rounds", "1", "memory", "hash")
    assert set(found["bytes_per_second"]) == {"memory", "hash"}


def test_nothing_is_left_behind(limits: Path, tmp_path: Path) -> None:
    run_limits(limits, tmp_path, "--rounds", "1", "disk")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_item_is_refused(limits: Path) -> None:
    done = subprocess.run([limits, "tape"], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "tape" in done.stderr
