"""Publication: a tag made visible, and looked after until no clean can take what it needs.

The argument is in ``s3lo.bucket.cleaning``; this is its right column, from b on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

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

_LOOKS_AT_A_TIME = 64
_TRIES = 8

Restore = Callable[[Sequence[Descriptor]], None]


class Publication(Struct, frozen=True):
    """A tag, its manifest as it is to be stored, and every blob that it needs."""

    image: str
    tag: str
    raw: bytes
    blobs: Sequence[Descriptor]
    immutable: bool = False


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
        wait_for_cleaning(store, [manifest, *needed], observer, sleep)
        found = abreast(store.head, (manifest, layout, *needed), _LOOKS_AT_A_TIME)
        is_there, has_layout, *there = found
        gone = [
            blob
            for blob, each in zip(wanted.blobs, there, strict=True)
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
