"""Copies that a real service makes by itself, asked for over each wire."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from s3lo.bucket.options import StorageOptions
from s3lo.errors import NotFoundError, SizeMismatch
from s3lo.model.objects import Credentials
from tests.integration.copying import KEY, LARGE, SMALL, WIRES, Copying, open_store
from tests.servers import SeaweedS3

_numbers = count(1)


@pytest.fixture(params=list(WIRES))
def copying(request: pytest.FixtureRequest, seaweed: SeaweedS3) -> Iterator[Copying]:
    credentials = Credentials(seaweed.access_key, seaweed.secret_key)

    def make(role: str) -> Any:
        bucket = seaweed.create_bucket(f"{role}-{request.param}-{next(_numbers)}")
        return open_store(bucket, seaweed.endpoint_url, credentials, WIRES[request.param])

    copying = Copying(make("source"), make("target"))
    yield copying
    open_uploads = seaweed.client.list_multipart_uploads(Bucket=copying.target.location.name)
    copying.close()
    assert open_uploads.get("Uploads", []) == []


@pytest.mark.parametrize("content", [SMALL, LARGE, b""], ids=["whole", "in parts", "empty"])
def test_a_copy_has_the_bytes_of_its_source(content: bytes, copying: Copying) -> None:
    copying.source.put(KEY, content)
    copying.copy(content)
    assert copying.target.get(KEY) == content
    assert sum(copying.told) == len(content)


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["whole", "in parts"])
def test_names_with_signs_that_urls_change_are_copied(content: bytes, copying: Copying) -> None:
    key = "blobs/a b+c%20é&=~/x"
    copying.source.put(key, content)
    copying.copy(content, key=key)
    assert copying.target.get(key) == content


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["whole", "in parts"])
def test_the_storage_class_is_kept_unless_another_is_named(
    content: bytes, copying: Copying
) -> None:
    copying.source.put(KEY, content, storage_class="STANDARD_IA")
    copying.copy(content)
    assert _class(copying) == "STANDARD_IA"
    copying.storage = StorageOptions(storage_class="ONEZONE_IA")
    copying.copy(content)
    assert _class(copying) == "ONEZONE_IA"


def _class(copying: Copying) -> str:
    found = copying.target.head(KEY)
    assert found is not None
    return found.storage_class


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["whole", "in parts"])
def test_what_is_there_is_left_and_damage_is_not(content: bytes, copying: Copying) -> None:
    copying.source.put(KEY, content)
    copying.target.put(KEY, content[::-1])
    copying.copy(content, if_absent=True)
    assert copying.target.get(KEY) == content[::-1]
    copying.target.put(KEY, b"damage")
    copying.copy(content, if_absent=True)
    assert copying.target.get(KEY) == content


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["whole", "in parts"])
def test_a_source_that_is_not_there_is_not_found(content: bytes, copying: Copying) -> None:
    with pytest.raises(NotFoundError, match=r"s3://source-.*some"):
        copying.copy(content)
    copying.source.put(KEY, content + b"more")
    with pytest.raises(SizeMismatch):
        copying.copy(content)
    assert copying.target.head(KEY) is None
