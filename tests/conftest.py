"""Fixtures: real servers, one of each for a whole test run.

A part that this machine lacks skips what needs it, with the reason; where ``CI`` is set it fails,
because there every part has to be. With ``-n 2`` each worker starts servers of its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import NoReturn, TypeVar

import hypothesis
import pytest

from tests.servers import Containerd, Dockerd, Missing, Nginx, Registry, SeaweedS3

AnyServer = TypeVar("AnyServer")

NEEDED_BYTES = 4 << 30
"""What tests hold at their most, two at a time."""

_numbers = count(1)

# No example is judged by its time: a machine that others keep busy failed one in a thousand.
hypothesis.settings.register_profile("s3lo", deadline=None)
hypothesis.settings.load_profile("s3lo")


def pytest_sessionstart() -> None:
    """Where a disk fills up, services answer errors that are waited out: CI once did for an hour."""
    free_bytes = shutil.disk_usage(tempfile.gettempdir()).free
    if free_bytes < NEEDED_BYTES:
        pytest.exit(
            f"tests need {NEEDED_BYTES >> 30} GiB below {tempfile.gettempdir()}, where"
            f" {free_bytes >> 30} GiB are free",
            returncode=pytest.ExitCode.USAGE_ERROR,
        )


def missing(reason: Missing) -> NoReturn:
    """Skip for a part that is not there; fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"CI has to have every part, and: {reason}", pytrace=False)
    pytest.skip(str(reason))


@contextmanager
def serving(server: AbstractContextManager[AnyServer]) -> Iterator[AnyServer]:
    """A server that runs, or a skip where a part of it is not there."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(server)
        except Missing as reason:
            missing(reason)
        yield running


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is cached is no user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def seaweed() -> Iterator[SeaweedS3]:
    """A real S3 service."""
    with serving(SeaweedS3()) as seaweed:
        yield seaweed


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """A static file server; what lies in ``nginx.root`` it serves."""
    with serving(Nginx(tmp_path_factory.mktemp("nginx"))) as nginx:
        yield nginx


@pytest.fixture(scope="session")
def dockerd() -> Iterator[Dockerd]:
    """A Docker daemon of our own."""
    with serving(Dockerd()) as dockerd:
        yield dockerd


@pytest.fixture(scope="session")
def containerd() -> Iterator[Containerd]:
    """A containerd of our own."""
    with serving(Containerd()) as containerd:
        yield containerd


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """A registry over plain HTTP."""
    with serving(Registry()) as registry:
        yield registry


@pytest.fixture
def bucket(seaweed: SeaweedS3) -> Iterator[str]:
    """A fresh bucket of the S3 service, gone with the test: together they took 8 GB."""
    name = seaweed.create_bucket(f"bucket-{next(_numbers)}")
    yield name
    seaweed.delete_bucket(name)


@pytest.fixture
def aws_env(seaweed: SeaweedS3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """This process's environment, made to reach the S3 service and nothing of the user's."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "S3LO_"))]:
        monkeypatch.delenv(name)
    variables = {**seaweed.env(), "HOME": str(tmp_path)}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables
