"""Landing: the tag that an image is brought under, and the store that its blobs are brought into."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from s3lo.abreast import abreast
from s3lo.bucket import keys
from s3lo.bucket.local import is_store
from s3lo.bucket.options import StorageOptions
from s3lo.bucket.rules import load_rules
from s3lo.bucket.store import Store
from s3lo.engine.arrival import Arrival
from s3lo.engine.transfers import Engine, Upload
from s3lo.errors import ImmutableTag, InvalidReference, UsageError
from s3lo.events import Note, Observer
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor
from s3lo.model.reference import ImageReference, Location, parse_image_reference
from s3lo.operations.depot import Depot

_LOOKS_AT_A_TIME = 16


class Landing(Struct, frozen=True):
    """Where one image is brought to. ``is_forced``: over an immutable tag, and over blobs that are
    there."""

    depot: Depot
    target: ImageReference
    is_forced: bool
    storage: StorageOptions

    @property
    def store(self) -> Store:
        return self.depot.store

    @property
    def engine(self) -> Engine:
        return self.depot.engine

    def upload(
        self,
        digest: Digest,
        size: int,
        path: Path,
        offset: int = 0,
        *,
        is_verified: bool = False,
        stored: Callable[[int, int], None] | None = None,
        arrival: Arrival | None = None,
        source: str = "",
        storage_class: str = "",
    ) -> Upload:
        """How a blob is brought here out of a file: see :class:`Upload`. ``storage_class`` is the one
        that it had where it comes from, to be kept where no other is asked for."""
        preferences = self.storage.blob_preferences
        if storage_class:
            preferences = self.storage.kept_preferences(storage_class)
        upload = Upload(
            digest,
            size,
            keys.blob_key(digest),
            path,
            offset,
            is_verified,
            headers=self.storage.blob_headers,
            preferences=preferences,
            if_absent=not self.is_forced,
            arrival=arrival,
            source=source,
        )
        return replace(upload, stored=stored) if stored else upload

    def is_there(self, digest: Digest, size: int) -> bool:
        """Whether the store has a blob of this size; of another it is damaged, to be repaired."""
        found = self.store.head(keys.blob_key(digest))
        return found is not None and found.size == size

    def missing(self, blobs: Iterable[Descriptor]) -> list[Descriptor]:
        """Blobs that are not there with the right size."""
        blobs = list(blobs)
        if not blobs:
            return []
        there = abreast(lambda blob: self.is_there(blob.digest, blob.size), blobs, _LOOKS_AT_A_TIME)
        return [blob for blob, is_there in zip(blobs, there, strict=True) if not is_there]

    def check_rules(self, observer: Observer, *, unless: Digest | None = None) -> bool:
        """Whether the tag is to be written only if it is not there; refuses early where it is, with
        ImmutableTag, ``unless`` it is this very document."""
        if not load_rules(self.store).effective(self.target.image).immutable:
            return False
        if self.is_forced:
            observer(Note(f"{self.target} is immutable: overriding the rule as asked"))
            return False
        key = keys.manifest_key(self.target.image, self.target.tag)
        if self.store.head(key) is None:
            return True
        if unless is not None and Digest.of(self.store.get(key)) == unless:
            return False
        raise ImmutableTag(f"{self.target.name} is immutable and already there")


def parse_landing(reference: str) -> ImageReference:
    """A reference that an image may be brought under; raises UsageError for one that none may."""
    target = parse_image_reference(reference, is_store)
    if not target.tag:
        raise UsageError("a tag is needed here; a digest follows from the content")
    if not target.is_creatable:
        raise InvalidReference(
            f"{target.image!r} is not an image name that may be created",
            hint="Use lower case letters, digits, and single . _ - between them.",
        )
    return target


def tell_new_store(location: Location, observer: Observer) -> None:
    """Where no store is yet, its root is a guess from the path: say which one it is."""
    if location.scheme == "local" and not is_store(location.name):
        observer(Note(f"a new store is made at {os.path.abspath(location.name)}"))
