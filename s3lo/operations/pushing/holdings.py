"""Holdings: which layers a store has in the compression wanted, by what they are compressed from.

A manifest and its config say it together: layer by layer, what is stored and which content that is.
They are read newest first, those of the image's own tags and then those of other images, until
everything that is asked for is known or enough was read. What a store says is believed as far as
its writers are; before a layer counts as held, the blob is looked at, that it is there with its
size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice

from s3lo.abreast import abreast
from s3lo.bucket.catalog import Tag
from s3lo.bucket.keys import MANIFESTS, blob_key, image_prefix
from s3lo.bucket.store import Store
from s3lo.errors import NotFoundError
from s3lo.model import media_types
from s3lo.model.digest import Digest
from s3lo.model.documents import (
    MAX_DOCUMENT_BYTES,
    Descriptor,
    Index,
    Manifest,
    parse_config,
    parse_document,
)
from s3lo.operations.pushing.layer_cache import LayerCache, StoredLayer
from s3lo.operations.resolve import UNREADABLE, read_document
from s3lo.transports.image import Compression

_OWN_TAGS = 32
_OTHER_TAGS = 64
_LISTED = 4000
"""Objects of other images that are looked at for the newest tags: four requests."""
_AT_A_TIME = 16
_NO_HELP = (NotFoundError, *UNREADABLE)
"""What only means that there is nothing to be learned here. A service that fails is an error."""


class StoreHoldings:
    """What one store has of the layers of one image. For one thread."""

    def __init__(
        self, store: Store, image: str, compression: Compression, cache: LayerCache
    ) -> None:
        self._store = store
        self._compression = compression
        self._cache = cache
        self._layers: dict[Digest, Descriptor] = {}
        self._present: dict[tuple[Digest, int], bool] = {}
        self._unread = self._batches(image)

    def layer(self, diff_id: Digest) -> Descriptor | None:
        while diff_id not in self._layers and (tags := next(self._unread, None)) is not None:
            self._read_tags(tags)
        found = self._layers.get(diff_id)
        return found if found and self.blob(found.digest, found.size) else None

    def blob(self, digest: Digest, size: int) -> bool:
        if (digest, size) not in self._present:
            there = self._store.head(blob_key(digest))
            self._present[digest, size] = there is not None and there.size == size
        return self._present[digest, size]

    def config(self, digest: Digest) -> bytes | None:
        with suppress(*_NO_HELP):
            raw = self._store.get(blob_key(digest), limit_bytes=MAX_DOCUMENT_BYTES)
            return raw if Digest.of(raw) == digest else None
        return None

    def _batches(self, image: str) -> Iterator[Sequence[Tag]]:
        """Tags, the most likely to help first."""
        own = _newest_tags(self._store, image_prefix(image), _OWN_TAGS)
        yield own[:_AT_A_TIME]
        yield own[_AT_A_TIME:]
        known = {tag.key for tag in own}
        others = _newest_tags(self._store, MANIFESTS, _OTHER_TAGS)
        yield [tag for tag in others if tag.key not in known]

    def _read_tags(self, tags: Sequence[Tag]) -> None:
        for layers in abreast(self._layers_of, tags, _AT_A_TIME):
            for layer in layers:
                self._note(layer)

    def _note(self, layer: StoredLayer) -> None:
        wanted = media_types.LAYER_OF_COMPRESSION[self._compression]
        if media_types.OCI_OF_DOCKER.get(layer.media_type, layer.media_type) == wanted:
            found = Descriptor(wanted, layer.digest, layer.size)
            self._layers.setdefault(layer.diff_id, found)

    def _layers_of(self, tag: Tag) -> Sequence[StoredLayer]:
        """Of a tag's manifest, or of all its platforms'; none where it cannot be made sense of:
        it spares work, and is no check of the store."""
        with suppress(*_NO_HELP):
            raw = self._store.get(tag.key, limit_bytes=MAX_DOCUMENT_BYTES)
            document = parse_document(raw)
            if isinstance(document, Manifest):
                return self._layers_of_manifest(Digest.of(raw), lambda: document)
            return [layer for each in document.manifests for layer in self._of_platform(each)]
        return []

    def _of_platform(self, entry: Descriptor) -> Sequence[StoredLayer]:
        if entry.is_attestation:
            return []

        def read() -> Manifest | Index:
            return parse_document(read_document(self._store, entry), entry.media_type)

        with suppress(*_NO_HELP):
            return self._layers_of_manifest(entry.digest, read)
        return []

    def _layers_of_manifest(
        self, digest: Digest, read: Callable[[], Manifest | Index]
    ) -> Sequence[StoredLayer]:
        """What a manifest says never changes: its digest is asked of the cache first."""
        known = self._cache.get(digest)
        if known is not None:
            return known
        manifest = read()
        layers: list[StoredLayer] = []
        if isinstance(manifest, Manifest) and manifest.config.media_type in media_types.CONFIGS:
            raw = self.config(manifest.config.digest)
            diff_ids = parse_config(raw).diff_ids if raw else ()
            if len(diff_ids) == len(manifest.layers):
                layers = [
                    StoredLayer(diff_id, layer.media_type, layer.digest, layer.size)
                    for diff_id, layer in zip(diff_ids, manifest.layers, strict=True)
                ]
        self._cache.put(digest, layers)
        return layers


def _newest_tags(store: Store, prefix: str, count: int) -> list[Tag]:
    """The tags below a prefix that were written last. Not by the catalog, which lists a store to its
    end, and ahead."""
    found: list[Tag] = []
    with suppress(*_NO_HELP):
        found = list(filter(None, map(Tag.at, islice(store.list(prefix), _LISTED))))
    found.sort(key=lambda tag: tag.last_modified.timestamp() if tag.last_modified else 0.0)
    return found[-count:][::-1]
