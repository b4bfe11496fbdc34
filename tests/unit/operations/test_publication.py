"""Publishing: what is looked at once more, and what becomes of what is gone."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from s3lo.bucket import keys
from s3lo.bucket.cleaning import Cleaning
from s3lo.errors import ImmutableTag, ServiceError
from s3lo.events import ignore
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor
from s3lo.operations.publication import Publication, publish
from tests.unit.operations.memory_store import MemoryStore

CONTENTS = [b"%d" % number for number in range(150)]
BLOBS = [Descriptor("application/x", Digest.of(content), len(content)) for content in CONTENTS]
MANY = frozenset(blob.digest for blob in BLOBS[1:])


class Looking(MemoryStore):
    """Remembers what was looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.looked: list[str] = []

    def head(self, key: str) -> object:  # type: ignore[override]
        if key.startswith(keys.BLOBS):
            self.looked.append(key)
        return super().head(key)


def filled() -> Looking:
    store = Looking()
    for content in CONTENTS:
        store.put(keys.blob_key(Digest.of(content)), content)
    store.looked.clear()
    return store


def published(store: MemoryStore, **settings: object) -> tuple[set[Digest], list[Descriptor]]:
    restored: list[Descriptor] = []

    def restore(gone: Sequence[Descriptor]) -> None:
        restored.extend(gone)

    wanted = Publication("app", "v1", b"{}", BLOBS, **settings)  # type: ignore[arg-type]
    return publish(store, wanted, restore, ignore, lambda _: store.advance(1)), restored


def test_what_a_push_uploaded_is_looked_at_as_well() -> None:
    store = filled()
    published(store, moved=frozenset(list(MANY)[:100]), since=time.monotonic())
    assert len(set(store.looked)) == 150


def test_hundreds_of_fresh_blobs_are_not_unless_a_clean_is_at_work_or_the_push_was_long() -> None:
    store = filled()
    published(store, moved=MANY, since=time.monotonic())
    assert store.looked == [keys.blob_key(BLOBS[0].digest)]
    published(store, moved=MANY, since=time.monotonic() - 61)
    assert len(set(store.looked)) == 150
    store.looked.clear()
    with Cleaning(store):  # type: ignore[arg-type]
        published(store, moved=MANY, since=time.monotonic())
    assert len(set(store.looked)) == 150


def test_a_mark_that_names_a_blob_is_waited_for_until_it_is_gone_or_dead() -> None:
    store = filled()
    with Cleaning(store) as cleaning:  # type: ignore[arg-type]
        cleaning.announce([keys.blob_key(BLOBS[7].digest)])
        before = store.now()
        published(store)
        assert 30 < (store.now() - before).total_seconds() < 33


def test_a_mark_that_is_none_is_waited_for_as_well() -> None:
    store = filled()
    store.put(keys.CLEANING_KEY, b"of a version to come")
    before = store.now()
    published(store)
    assert (store.now() - before).total_seconds() > 30


def test_what_is_gone_or_has_another_size_is_restored() -> None:
    store = filled()
    store.delete([keys.blob_key(BLOBS[3].digest)])
    store.put(keys.blob_key(BLOBS[5].digest), b"damaged")
    digests, restored = published(store)
    assert [blob.digest for blob in restored] == [BLOBS[3].digest, BLOBS[5].digest]
    assert digests == {BLOBS[3].digest, BLOBS[5].digest}


def test_a_tag_that_is_always_deleted_again_is_an_error() -> None:
    class Swept(MemoryStore):
        def head(self, key: str) -> None:
            del key

    with pytest.raises(ServiceError):
        published(Swept())


def test_an_immutable_tag_that_is_there_is_not_written() -> None:
    store = filled()
    published(store)
    with pytest.raises(ImmutableTag):
        published(store, immutable=True)
