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
    """Of the first part of a blob of this size."""
    return asked(made(directory, size, part_size_bytes), welcome_bytes).length


def made(
    directory: Path, size: int, part_size_bytes: int | None = None, *, in_order: bool = False
) -> Downloads:
    """Of one blob, on two CPUs."""
    digest = Digest.parse(f"sha256:{hashlib.sha256().hexdigest()}")
    blob = Download(digest, size, "key", directory / "blob")
    options = EngineOptions(part_size_bytes=part_size_bytes)
    settings = choose(options, Machine(2, 24 * GIB), size)
    verifier = Verifier(1, lambda _: None)
    return Downloads([blob], settings, verifier, ignore, on_sockets=True, in_order=in_order)


def asked(downloads: Downloads, welcome_bytes: int = 0, interval_bytes: float = 0.0) -> Get:
    job = downloads.next_job(welcome_bytes, interval_bytes)
    assert isinstance(job, Get)
    return job


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


def test_where_few_requests_may_begin_parts_leave_less_for_the_others(tmp_path: Path) -> None:
    """The last 64 MiB of an image were asked for in 15 parts, and took as many turns."""
    part = asked(made(tmp_path, 64 * MIB), MOST_PART_BYTES, interval_bytes=16 * MIB)
    assert part.length == 32 * MIB


def test_what_was_refused_comes_in_larger_parts(tmp_path: Path) -> None:
    downloads = made(tmp_path, 200 * MIB)
    refused = [asked(downloads) for _ in range(4)]
    assert {part.length for part in refused} == {4 * MIB}
    for part in refused:
        assert downloads.take_back(part)
    again = asked(downloads, MOST_PART_BYTES)
    assert (again.offset, again.length) == (0, 25 * MIB)


def test_an_order_that_is_wanted_and_a_blob_of_one_part_stay_as_they_are(tmp_path: Path) -> None:
    in_order, small = made(tmp_path, 200 * MIB, in_order=True), made(tmp_path, MIB)
    assert not in_order.take_back(asked(in_order))
    assert not small.take_back(asked(small))
