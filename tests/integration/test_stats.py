"""stats: what is stored, what sharing saves, and everything that could not be read."""

from __future__ import annotations

from threading import Lock

import pytest

import s3lo
from s3lo.bucket.store import Store
from s3lo.errors import NotFoundError
from s3lo.events import Event, Note
from s3lo.operations.census import take_census
from tests.stores import LINUX_AMD64, LINUX_ARM64, OCI, Shelf, digest_of, encoded


def stored(shelf: Shelf, prefix: str = "") -> int:
    return sum(found.size for found in shelf.store.list(prefix))


def test_an_empty_store_has_nothing_and_a_missing_one_is_not_found(shelf: Shelf) -> None:
    found = s3lo.stats(shelf.url)
    assert (found.images, found.tags, found.blobs, found.stored_bytes) == (0, 0, 0, 0)
    assert found.monthly_cost_usd == 0.0
    with pytest.raises(NotFoundError):
        s3lo.stats(f"{shelf.url[:-1]}-missing/")


def test_what_two_tags_share_is_stored_once_and_counted_twice(shelf: Shelf) -> None:
    base = bytes(100_000)
    shelf.tag("app", "v1", shelf.manifest([base, b"one"]))
    shelf.tag("app", "v2", shelf.manifest([base, b"two"]))
    shelf.tag("Other/app", "v1", shelf.manifest([base, base]))
    found = s3lo.stats(shelf.url, layers=True)
    assert (found.images, found.tags, found.blobs) == (2, 3, 6)
    assert found.stored_bytes == stored(shelf)
    assert found.logical_bytes == found.stored_bytes + 200_000
    assert found.saved_bytes == 200_000
    assert sum(found.by_storage_class.values()) == found.stored_bytes
    [shared] = found.layers
    assert (shared.digest, shared.tags, shared.saved_bytes) == (digest_of(base), 3, 200_000)
    assert shared.images == ("Other/app", "app")
    assert s3lo.stats(shelf.url).layers == ()


def test_an_index_counts_with_all_its_platforms(shelf: Shelf) -> None:
    raw = shelf.index([LINUX_AMD64, LINUX_ARM64], bytes(5000))
    shelf.tag("app", "v1", raw)
    assert s3lo.stats(shelf.url).logical_bytes == stored(shelf)
    shelf.tag("app", "latest", raw)
    found = s3lo.stats(shelf.url)
    assert found.saved_bytes == stored(shelf, "blobs/")
    assert found.logical_bytes == found.stored_bytes + found.saved_bytes


def test_what_no_tag_refers_to_is_stored_and_saves_nothing(shelf: Shelf) -> None:
    shelf.blob(b"garbage", "application/x")
    found = s3lo.stats(shelf.url)
    assert (found.blobs, found.stored_bytes, found.logical_bytes, found.saved_bytes) == (1, 7, 0, 0)


def test_layers_in_chunks_are_counted_by_their_chunks(shelf: Shelf) -> None:
    layer = bytes(9000)
    shelf.tag("app", "v1", shelf.manifest([layer]))
    hex_ = digest_of(layer)[7:]
    shelf.store.delete([f"blobs/sha256/{hex_}"])
    shelf.put(f"recipes/sha256/{hex_}", b"recipe")
    shelf.put(f"chunks/sha256/{hex_}", bytes(100))
    shelf.put(f"indexes/sha256/{hex_}", bytes(10))
    found = s3lo.stats(shelf.url)
    assert found.stored_bytes == stored(shelf)
    assert found.saved_bytes == 9000 - len(b"recipe") - 110


def test_unreadable_manifests_are_named_and_the_rest_is_counted(shelf: Shelf) -> None:
    shelf.tag("app", "broken", b"{not json")
    shelf.tag("app", "fine")
    gone = {"mediaType": f"{OCI}.manifest.v1+json", "digest": digest_of(b"gone"), "size": 4}
    index = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": [gone]}
    shelf.tag("app", "hollow", encoded(index))
    seen: list[Event] = []
    found = s3lo.stats(shelf.url, observer=seen.append)
    assert (found.images, found.tags, found.blobs) == (1, 3, 2)
    assert [line.partition(": ")[0] for line in found.unreadable] == [
        "app:broken",
        digest_of(b"gone"),
    ]
    assert len([event for event in seen if isinstance(event, Note)]) == 2


def test_each_manifest_is_read_once_at_any_depth(shelf: Shelf) -> None:
    inner = shelf.blob(shelf.index([LINUX_AMD64, LINUX_ARM64]), f"{OCI}.index.v1+json")
    outer = encoded(
        {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": [inner, inner]}
    )
    for number in range(5):
        shelf.tag("app", f"v{number}", outer)
    counting = _Counting(shelf.store)
    census = take_census(counting, lambda _: None)  # type: ignore[arg-type]
    assert sorted(counting.read) == sorted(set(counting.read))
    assert len(counting.read) == 5 + 1 + 2
    assert len(census.closure(census.tags[0][1])) == len(shelf.keys("blobs/"))


class _Counting:
    """A store that remembers which keys were read."""

    def __init__(self, store: Store) -> None:
        self.location, self.list, self.level = store.location, store.list, store.level
        self.read: list[str] = []
        self._store = store
        self._lock = Lock()

    def get(self, key: str, *, limit_bytes: int) -> bytes:
        with self._lock:
            self.read.append(key)
        return self._store.get(key, limit_bytes=limit_bytes)
