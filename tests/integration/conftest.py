"""Fixtures of the integration tests: a store of each kind for what keeps it, one that is answered as a
test says, and every engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from s3lo.bucket.local import LocalStore
from s3lo.bucket.options import ConnectionOptions
from s3lo.bucket.s3 import S3Store
from s3lo.engine.options import EngineOptions
from s3lo.model.objects import Credentials
from s3lo.model.reference import Location
from s3lo.operations.depot import opened
from tests.integration.answered import WIRES, AnsweredStore, endpoint_of, wire
from tests.integration.rigs import MODES, Rig, make_rig
from tests.servers.answering import Answering
from tests.servers.certificate import Certificate, make_certificate
from tests.stores import Shelf


@pytest.fixture(params=["local", "s3"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    """An empty store, which this process reaches by its address."""
    if request.param == "local":
        root = tmp_path / "store"
        (root / "blobs").mkdir(parents=True)
        yield Shelf(LocalStore(Location("local", str(root))), f"local://{root}/")
        return
    request.getfixturevalue("aws_env")
    bucket = request.getfixturevalue("bucket")
    with opened(Location("s3", bucket), ConnectionOptions(), EngineOptions()) as depot:
        yield Shelf(depot.store, f"s3://{bucket}/")


@pytest.fixture(scope="session")
def localhost(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """What a server of this name shows."""
    return make_certificate(tmp_path_factory.mktemp("certificate"), "localhost")


@pytest.fixture(params=MODES)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    """Every engine in every mode."""
    return make_rig(request.param, request, tmp_path)


@pytest.fixture
def answering() -> Iterator[Answering]:
    answering = Answering()
    yield answering
    answering.close()


@pytest.fixture(params=WIRES)
def answered(request: pytest.FixtureRequest, answering: Answering) -> Iterator[AnsweredStore]:
    endpoint = endpoint_of(answering)
    slept: list[float] = []
    own = wire(request.param, endpoint, Credentials("AKID", "secret", "token"))
    store = S3Store(Location("s3", "bucket"), endpoint, own, sleep=slept.append)
    yield AnsweredStore(answering, store, slept)
    store.close()
