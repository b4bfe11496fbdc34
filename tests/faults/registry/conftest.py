"""Fixtures: a registry that behaves, and a proxy to it that may not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from s3lo import backoff
from s3lo.transports.registry.client import Registry
from tests import servers
from tests.conftest import serving
from tests.faults.registry.served import Served, opened, serve
from tests.servers import Unruly


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="session")
def served(registry: servers.Registry, place: Path) -> Served:
    return serve(registry, place)


@pytest.fixture
def unruly(served: Served) -> Iterator[Unruly]:
    with Unruly(served.registry.url) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the patience of a test."""
    monkeypatch.setattr(backoff, "BASE_SECONDS", 0.002)
    monkeypatch.setattr(backoff, "CAP_SECONDS", 0.01)


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def client(unruly: Unruly, notes: list[str]) -> Iterator[Registry]:
    """Of the registry behind the proxy."""
    with opened(unruly.url, notes=notes) as registry:
        yield registry


@pytest.fixture(scope="session")
def guarded(place: Path) -> Iterator[Served]:
    """The same behind a password."""
    with serving(servers.Registry(asks_password=True)) as registry:
        yield serve(registry, place)
