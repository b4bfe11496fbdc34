"""Listings of the origin: uploads and files as one, page by page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.native.origin_clients import BUCKET, boto, serving_origin
from tests.servers import Origin, OriginOptions

NAMES = ["a/1", "a/2", "a/b/3", "a b", "a&b<c>", "b/1", "c", "ü/é"]


def _listed(client: Any, operation: str, **arguments: Any) -> list[str]:
    """Keys and common prefixes of all pages."""
    pages = client.get_paginator(operation).paginate(Bucket=BUCKET, **arguments)
    return [
        name
        for page in pages
        for name in (
            *(entry["Key"] for entry in page.get("Contents", [])),
            *(entry["Prefix"] for entry in page.get("CommonPrefixes", [])),
        )
    ]


@pytest.mark.parametrize("page_keys", [1, 2, 3, 1000])
@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_a_listing_is_whole_whatever_its_pages(
    origin: Origin, client: Any, operation: str, page_keys: int
) -> None:
    for name in NAMES[::2]:
        client.put_object(Bucket=BUCKET, Key=name, Body=b"x")
    for name in NAMES[1::2]:
        path = origin.root / BUCKET / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    sizes = {"PaginationConfig": {"PageSize": page_keys}}
    everything = sorted([*NAMES, "file"], key=str.encode)
    assert _listed(client, operation, **sizes) == everything
    below = _listed(client, operation, Prefix="a/", **sizes)
    assert below == ["a/1", "a/2", "a/b/3"]
    top = _listed(client, operation, Delimiter="/", **sizes)
    assert sorted(top) == sorted(["a/", "a b", "a&b<c>", "b/", "c", "file", "ü/"])
    assert sorted(_listed(client, operation, Prefix="a/", Delimiter="/", **sizes)) == [
        "a/1",
        "a/2",
        "a/b/",
    ]


def test_a_listing_starts_after_a_key(client: Any) -> None:
    for name in ("a", "b", "c"):
        client.put_object(Bucket=BUCKET, Key=name, Body=b"x")
    assert _listed(client, "list_objects_v2", StartAfter="a") == ["b", "c", "file"]


def test_a_bucket_exists_once_it_is_made(client: Any) -> None:
    with pytest.raises(client.exceptions.NoSuchBucket):
        client.list_objects_v2(Bucket="another")
    client.create_bucket(Bucket="another")
    assert client.list_objects_v2(Bucket="another")["KeyCount"] == 0
    assert client.head_bucket(Bucket="another")["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_still_origin_lists_what_was_there_at_first(tmp_path: Path) -> None:
    for name in (*NAMES, "a/b/4"):
        path = tmp_path / BUCKET / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    with serving_origin(tmp_path, OriginOptions(still=True)) as origin:
        client = boto(origin)
        for _ in range(2):
            for size in (1, 3, 1000):
                sizes = {"PaginationConfig": {"PageSize": size}}
                found = _listed(client, "list_objects_v2", Prefix="a/", **sizes)
                assert found == ["a/1", "a/2", "a/b/3", "a/b/4"]
                top = _listed(client, "list_objects_v2", Delimiter="/", **sizes)
                assert sorted(top) == sorted(["a/", "a b", "a&b<c>", "b/", "c", "ü/"])
            (tmp_path / BUCKET / "a" / "0").write_bytes(b"too late")
        assert _listed(client, "list_objects_v2", StartAfter="b/1") == ["c", "ü/é"]
        assert _listed(client, "list_objects_v2", Prefix="none") == []
