"""Fixtures: an image of several platforms, and certificates."""

from __future__ import annotations

import pytest

from tests.conftest import missing
from tests.integration.registry.pushed import NAMED, Pushed, pushed_index
from tests.servers import Missing
from tests.servers.certificate import Certificate, make_certificate
from tests.unit.transports import builders


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Pushed:
    amd64, amd64_blobs = builders.platform_image("amd64")
    arm64, arm64_blobs = builders.platform_image("arm64")
    about, about_blobs = builders.attestation(amd64)
    blobs = [*amd64_blobs, *arm64_blobs, *about_blobs]
    return pushed_index([amd64, arm64, about], blobs, tmp_path_factory.mktemp("pushed"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    try:
        return make_certificate(tmp_path_factory.mktemp("tls"), "127.0.0.1", NAMED)
    except Missing as reason:
        missing(reason)
