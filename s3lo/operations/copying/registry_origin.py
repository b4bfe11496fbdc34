"""Registry origin: an image of a registry, on its way without a disk between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from s3lo.abreast import abreast
from s3lo.model.attachment import attached_tags, referrers_tag
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor, Index, Manifest, build_index, parse_document
from s3lo.model.registry_reference import RegistryReference
from s3lo.operations.copying.origin import Moved
from s3lo.operations.copying.relayed import Relaying, relayed
from s3lo.operations.landing import Landing
from s3lo.transports.registry.client import Registry

_ASKED_AT_A_TIME = 8


class RegistryOrigin:
    """An Origin."""

    def __init__(
        self, registry: Registry, reference: RegistryReference, relaying: Relaying
    ) -> None:
        """``registry``: the repository, which is the caller's to close."""
        self._registry = registry
        self._reference = reference
        self._relaying = relaying

    def root(self) -> Manifest | Index:
        received = self._registry.image(self._reference)
        return parse_document(received.raw, received.media_type)

    def document(self, entry: Descriptor) -> bytes:
        return self._registry.document(entry)

    def config(self, config: Descriptor) -> bytes:
        return self._registry.document(config)

    def attached(self, digests: Sequence[Digest]) -> Iterator[tuple[str, Manifest | Index]]:
        asked = [(digest, tag) for digest in digests for tag in attached_tags(digest)]
        for tag, found in abreast(lambda each: self._attached(*each), asked, _ASKED_AT_A_TIME):
            if found is not None:
                yield tag, found

    def _attached(self, digest: Digest, tag: str) -> tuple[str, Manifest | Index | None]:
        if tag == referrers_tag(digest):
            referrers = self._registry.referrers(digest)
            return tag, build_index(tuple(referrers)) if referrers else None
        received = self._registry.manifest_tag(tag)
        return tag, parse_document(received.raw, received.media_type) if received else None

    def move(self, blobs: Sequence[Descriptor], landing: Landing) -> Moved:
        return relayed(blobs, landing, self._relaying)
