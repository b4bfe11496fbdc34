"""Fixtures of the fault tests: an image, a bucket that has it, and a proxy that misbehaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from s3lo import backoff
from s3lo.engine import coordinator, pace
from tests.faults.command import Commands, eventually
from tests.faults.images import Bucket, Layout, check_nothing_staged, make_layout
from tests.servers import SeaweedS3, Unruly

LARGE = (22_000_000, 1_000_000)
"""Parts of 5 MiB, the least that an upload takes, make five of the first; the other is one."""
SMALL = (300_000, 100_000)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """An image that takes many requests."""
    return make_layout(tmp_path_factory.mktemp("large"), LARGE)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """An image that takes a few."""
    return make_layout(tmp_path_factory.mktemp("small"), SMALL)


@pytest.fixture(scope="session")
def stored(seaweed: SeaweedS3, large: Layout) -> Bucket:
    """A bucket with the large image in it, for tests that change nothing there."""
    bucket = Bucket(seaweed, seaweed.create_bucket("faults-stored"))
    bucket.fill(large)
    return bucket


@pytest.fixture
def empty(seaweed: SeaweedS3, bucket: str) -> Bucket:
    """A bucket with nothing in it."""
    return Bucket(seaweed, bucket)


@pytest.fixture
def unruly(seaweed: SeaweedS3) -> Iterator[Unruly]:
    """A proxy to the S3 service, well-behaved until a test says otherwise."""
    with Unruly(seaweed.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: short delays, and little patience with refusals."""
    monkeypatch.setattr(backoff, "BASE_SECONDS", 0.005)
    monkeypatch.setattr(backoff, "CAP_SECONDS", 0.02)
    monkeypatch.setattr(backoff, "REFUSED_SECONDS", 0.3)


@pytest.fixture
def hurried(
    hasty: None, aws_env: dict[str, str], unruly: Unruly, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, through the proxy, and in transfers too."""
    del hasty, aws_env
    monkeypatch.setenv("AWS_ENDPOINT_URL", unruly.url)
    monkeypatch.setattr(coordinator, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(coordinator, "THROTTLED_SECONDS", 0.3)
    monkeypatch.setattr(pace, "LEAST_PER_SECOND", 20.0)


@pytest.fixture
def s3lo(seaweed: SeaweedS3, tmp_path: Path, unruly: Unruly) -> Iterator[Commands]:
    """The s3lo command, reaching the S3 service through the proxy.

    When a test is over, no process of its commands may run on and nothing may be staged.
    """
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    commands = Commands({**seaweed.env(), "AWS_ENDPOINT_URL": unruly.url}, scratch)
    try:
        yield commands
        assert eventually(lambda: not commands.processes()), "processes run on"
        for directory in (tmp_path, scratch):
            check_nothing_staged(directory)
    finally:
        commands.close()
