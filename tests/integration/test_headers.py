"""Headers: what a push and a pull ask of S3 besides their bytes, on every request that is to say it.

The S3 service here has no keys to encrypt with, so the origin of the benchmarks answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import pytest
from msgspec import Struct

import s3lo
from s3lo import ConnectionOptions, EngineOptions, StorageOptions
from s3lo.engine.plan import MIB
from s3lo.errors import S3loError
from tests.conftest import serving
from tests.faults.images import Layout, make_layout
from tests.servers import Origin, OriginOptions, Unruly
from tests.servers.unruly import Exchange, refusing

PAYER = "x-amz-request-payer"
ENCRYPTION = "x-amz-server-side-encryption"
CLASS = "x-amz-storage-class"
Backend = Literal["auto", "native", "s3transfer"]
BACKENDS: tuple[Backend, ...] = ("auto", "native", "s3transfer")


class Seen(Struct):
    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def begins_a_blob(self) -> bool:
        is_put = self.method == "PUT" and "partNumber" not in self.path
        return "/blobs/" in self.path and (
            is_put or self.path.partition("?")[2].startswith("uploads")
        )


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Of a layer that takes several parts, and one that takes one."""
    return make_layout(tmp_path_factory.mktemp("image"), (11_000_000, 1000))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Unruly]:
    (tmp_path / "bucket").mkdir()
    origin = Origin(tmp_path, OriginOptions(sink="memory"))
    with serving(origin), Unruly(origin.url) as proxy:
        yield proxy


@pytest.fixture
def seen(service: Unruly) -> list[Seen]:
    """Every request from here on."""
    requests: list[Seen] = []

    def note(exchange: Exchange) -> None:
        headers = {name.lower(): value for name, value in exchange.headers}
        requests.append(Seen(exchange.method, exchange.path, headers))
        exchange.reply(exchange.forward())

    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        service.when(method, "", note)
    return requests


def _connection(service: Unruly) -> ConnectionOptions:
    return ConnectionOptions(service.url, request_payer="requester")


def _push(service: Unruly, image: Layout, backend: Backend, storage: StorageOptions) -> None:
    s3lo.push(
        f"oci:{image.path}",
        "s3://bucket/app:v1",
        connection=_connection(service),
        storage=storage,
        engine=EngineOptions(processes=0, part_size_bytes=5 * MIB, backend=backend),
    )


@pytest.mark.usefixtures("aws_env")
@pytest.mark.parametrize("backend", BACKENDS)
def test_who_pays_is_said_with_every_request(
    service: Unruly, seen: list[Seen], image: Layout, backend: Backend, tmp_path: Path
) -> None:
    _push(service, image, backend, StorageOptions())
    pushed = len(seen)
    s3lo.pull(
        "s3://bucket/app:v1",
        to=f"oci:{tmp_path / 'pulled'}",
        connection=_connection(service),
        engine=EngineOptions(processes=0, backend=backend),
    )
    assert {(r.method, "partNumber" in r.path, "uploads" in r.path) for r in seen} >= {
        ("PUT", True, False),
        ("PUT", False, False),
        ("POST", False, True),
        ("POST", False, False),
        ("GET", False, False),
        ("HEAD", False, False),
    }
    assert len(seen) > pushed
    assert {request.headers.get(PAYER) for request in seen} == {"requester"}


@pytest.mark.usefixtures("aws_env")
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_object_is_encrypted_as_was_asked(
    service: Unruly, seen: list[Seen], image: Layout, backend: Backend
) -> None:
    _push(service, image, backend, StorageOptions("STANDARD_IA", "aws:kms", "the-key"))
    blobs = [request for request in seen if request.begins_a_blob]
    documents = [r for r in seen if r.method == "PUT" and "/manifests/" in r.path]
    assert len(blobs) == len(image.blobs)
    assert len(documents) == 2
    for request in blobs + documents:
        assert request.headers[ENCRYPTION] == "aws:kms"
        assert request.headers[f"{ENCRYPTION}-aws-kms-key-id"] == "the-key"
    assert {request.headers[CLASS] for request in blobs} == {"STANDARD_IA"}
    others = [request for request in seen if request not in blobs + documents]
    assert not any(name.startswith(ENCRYPTION) for r in others for name in r.headers)
    assert not any(CLASS in request.headers for request in others + documents)


@pytest.mark.usefixtures("aws_env")
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_class_that_was_named_and_that_the_service_does_not_have_is_an_error(
    service: Unruly, image: Layout, backend: Backend
) -> None:
    for method in ("PUT", "POST"):
        service.when(method, "/blobs/", refusing(400, "InvalidStorageClass", CLASS))
    with pytest.raises(S3loError) as caught:
        _push(service, image, backend, StorageOptions("INTELLIGENT_TIERING"))
    assert (caught.value.exit_code, caught.value.code) == (7, "invalid_storage_class")
    assert "--storage-class" in caught.value.hint
    _push(service, image, backend, StorageOptions())
