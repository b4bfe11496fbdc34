"""Downloads: how what is missing becomes jobs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from s3lo.engine.downloads import Downloads
from s3lo.engine.jobs import Get
from s3lo.engine.machine import Machine
from s3lo.engine.options import EngineOptions
from s3lo.engine.plan import GIB, MIB
from s3lo.engine.settings import MOST_PART_BYTES, choose
from s3lo.engine.transfers import Download
from s3lo.engine.verifier import Verifier
from s3lo.events import ignore
from s3lo.model.digest import Digest


def next_length(
    directory: Path, size: int, welcome_bytes: int = 0, part_size_bytes: int | None = None
) -> int:
    """Of the first part of a blob of this size, on two CPUs."""
    digest = Digest.parse(f"sha256:{hashlib.sha256().hexdigest()}")
    blob = Download(digest, size, "key", directory / "blob")
    options = EngineOptions(part_size_bytes=part_size_bytes)
    settings = choose(options, Machine(2, 24 * GIB), size)
    verifier = Verifier(1, lambda _: None)
    job = Downloads([blob], settings, verifier, ignore, on_sockets=True).next_job(welcome_bytes)
    assert isinstance(job, Get)
    return job.length


@pytest.mark.parametrize(
    ("size", "usual", "sparing"),
    [
        (4 * GIB, 8 * MIB, 64 * MIB),
        (200 * MIB, 4 * MIB, 25 * MIB),
        (40 * MIB, 4 * MIB, 5 * MIB),
        (16 * MIB, 4 * MIB, 4 * MIB),
    ],
)
def test_a_service_that_throttles_is_asked_for_larger_parts(
    tmp_path: Path, size: int, usual: int, sparing: int
) -> None:
    assert next_length(tmp_path, size) == usual
    assert next_length(tmp_path, size, MOST_PART_BYTES) == sparing


def test_a_part_size_that_was_asked_for_holds_whatever_the_service_says(tmp_path: Path) -> None:
    length = next_length(tmp_path, GIB, MOST_PART_BYTES, part_size_bytes=2 * MIB)
    assert length == 2 * MIB


def test_a_connection_that_is_fast_is_asked_for_larger_parts_but_leaves_some_for_the_others(
    tmp_path: Path,
) -> None:
    assert next_length(tmp_path, 4 * GIB, 50 * MIB) == 50 * MIB
    assert next_length(tmp_path, 200 * MIB, 50 * MIB) == 25 * MIB
    assert next_length(tmp_path, 4 * GIB, 1 * MIB) == 8 * MIB
