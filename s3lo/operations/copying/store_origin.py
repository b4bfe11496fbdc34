"""Store origin: an image of a bucket or of a local store.

bucket → bucket    copied by the service itself, or relayed where it refuses
bucket → local     received straight into files of the store
local  → bucket    sent from the files where they lie
local  → local     hashed, then given a second name, or copied where that cannot be
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from s3lo.abreast import abreast
from s3lo.bucket import keys
from s3lo.bucket.local import LocalStore
from s3lo.bucket.s3 import S3Store
from s3lo.errors import NotFoundError
from s3lo.model.attachment import attached_tags
from s3lo.model.digest import Digest
from s3lo.model.documents import MAX_DOCUMENT_BYTES, Descriptor, Index, Manifest, parse_document
from s3lo.model.reference import ImageReference
from s3lo.operations.absence import absent_blob
from s3lo.operations.copying.origin import Means, Moved
from s3lo.operations.copying.store_moves import (
    by_service,
    into_files,
    of_files,
    second_names,
)
from s3lo.operations.depot import Depot
from s3lo.operations.landing import Landing
from s3lo.operations.resolve import read_document, root

_ASKED_AT_A_TIME = 8


class StoreOrigin:
    """An Origin. ``depot`` is that of the source, which is the caller's to close."""

    def __init__(self, depot: Depot, reference: ImageReference, means: Means) -> None:
        self._depot = depot
        self._reference = reference
        self._means = means

    def root(self) -> Manifest | Index:
        return root(self._depot.store, self._reference)

    def document(self, entry: Descriptor) -> bytes:
        return read_document(self._depot.store, entry)

    def config(self, config: Descriptor) -> bytes:
        return read_document(self._depot.store, config)

    def attached(self, digests: Sequence[Digest]) -> Iterator[tuple[str, Manifest | Index]]:
        tags = [tag for digest in digests for tag in attached_tags(digest)]
        for tag, raw in zip(tags, abreast(self._read, tags, _ASKED_AT_A_TIME), strict=True):
            if raw:
                yield tag, parse_document(raw)

    def move(self, blobs: Sequence[Descriptor], landing: Landing) -> Moved:
        if not blobs:
            return Moved()
        source, target = self._depot.store, landing.store
        try:
            match source, target:
                case S3Store(), S3Store():
                    return by_service(source, landing, blobs, self._means)
                case S3Store(), LocalStore():
                    return into_files(self._depot, target, blobs, self._means)
                case LocalStore(), LocalStore():
                    return second_names(source, landing, blobs, self._means)
            assert isinstance(source, LocalStore)
            return of_files(source, landing, blobs, self._means)
        except NotFoundError as error:
            raise absent_blob(source, [blob.digest for blob in blobs], error) from error

    def _read(self, tag: str) -> bytes:
        key = keys.manifest_key(self._reference.image, tag)
        with suppress(NotFoundError):
            return self._depot.store.get(key, limit_bytes=MAX_DOCUMENT_BYTES)
        return b""
