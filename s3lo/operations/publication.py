"""Publication: a tag made visible, and looked after until no clean can take what it needs.

The argument is in ``s3lo.bucket.cleaning``; this is its right column, from b on. What was uploaded is
looked at again as well: a push may take longer than the grace period. Hundreds of blobs that were
uploaded within a minute are not, unless a clean is at work: it made such a push 1.6 times as long, and
only a clean whose grace period is shorter than that minute takes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

from s3lo.abreast import abreast
from s3lo.bucket import keys
from s3lo.bucket.cleaning import wait_for_cleaning
from s3lo.bucket.store import Store
from s3lo.bucket.tags import write_layout, write_tag
from s3lo.errors import ServiceError
from s3lo.events import Note, Observer
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor

_LOOKS_AT_A_TIME = 16
_MANY = 100
_FRESH_SECONDS = 60.0
_TRIES = 8

Restore = Callable[[Sequence[Descriptor]], None]


class Publication(Struct, frozen=True):
    """A tag, its manifest as it is to be stored, and every blob that it needs."""

    image: str
    tag: str
    raw: bytes
    blobs: Sequence[Descriptor]
    immutable: bool = False
    moved: Collection[Digest] = frozenset()
    """Of the blobs, those that were uploaded for it."""
    since: float = 0.0
    """By the monotonic clock, when the first of these can have been stored."""

    def to_look_at(self, *, is_fresh: bool) -> Sequence[Descriptor]:
        """Blobs that a clean may have taken; ``is_fresh`` where none of ours can be old."""
        if not is_fresh or len(self.moved) <= _MANY:
            return self.blobs
        return [blob for blob in self.blobs if blob.digest not in self.moved]


def publish(
    store: Store,
    wanted: Publication,
    restore: Restore,
    observer: Observer,
    sleep: Callable[[float], None] = time.sleep,
) -> set[Digest]:
    """Write a tag whose blobs are there; returns when all of it stands, with what was restored.

    ``restore`` brings blobs back that a clean took. Raises ImmutableTag where the tag is to be new and
    is not.
    """
    manifest = keys.manifest_key(wanted.image, wanted.tag)
    layout = keys.layout_key(wanted.image, wanted.tag)
    needed = [keys.blob_key(blob.digest) for blob in wanted.blobs]
    restored: set[Digest] = set()
    for _ in range(_TRIES):
        write_tag(store, wanted.image, wanted.tag, wanted.raw, immutable=wanted.immutable)
        is_cleaned = wait_for_cleaning(store, [manifest, *needed], observer, sleep)
        is_late = time.monotonic() - wanted.since >= _FRESH_SECONDS
        blobs = wanted.to_look_at(is_fresh=not (is_cleaned or is_late))
        looked = (manifest, layout, *(keys.blob_key(blob.digest) for blob in blobs))
        is_there, has_layout, *there = abreast(store.head, looked, _LOOKS_AT_A_TIME)
        gone = [
            blob
            for blob, each in zip(blobs, there, strict=True)
            if each is None or each.size != blob.size
        ]
        if gone:
            observer(Note(f"{len(gone)} of its blobs were cleaned away meanwhile: restoring"))
            restore(gone)
            restored.update(blob.digest for blob in gone)
        if is_there:
            if not has_layout:
                write_layout(store, wanted.image, wanted.tag)
            return restored
        observer(Note("the tag was cleaned away meanwhile: writing it again"))
    raise ServiceError(f"{wanted.image}:{wanted.tag} is deleted by others again and again")
