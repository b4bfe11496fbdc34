"""Outgoing: an image on its way into a store, every part of it there already or in a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from msgspec import Struct

from s3lo.bucket.store import Store
from s3lo.errors import from_os
from s3lo.model import media_types
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor, Index, parse_config
from s3lo.model.platform import Platform
from s3lo.operations.resolve import read_document
from s3lo.transports.image import BlobFile, SourceImage
from s3lo.transports.streams import open_range, pieces


class Outgoing(Struct, frozen=True):
    """An image of which everything is in the store, or in files."""

    image: SourceImage
    blobs: tuple[Descriptor, ...]
    """All that the tag will need, each digest once."""
    files: Mapping[Digest, BlobFile]
    """Of those blobs that can be uploaded (again)."""


def outgoing_of(image: SourceImage, staging: Path, offered: Collection[Digest]) -> Outgoing:
    """Every blob the tag will need; platforms' manifests are blobs as well.

    What was ``offered`` to the outflow may be gone from its file.
    """
    blobs: dict[Digest, Descriptor] = {}
    files = {digest: file for digest, file in image.blobs.items() if digest not in offered}
    for manifest in image.manifests:
        blobs.update((descriptor.digest, descriptor) for descriptor in manifest.blobs)
        if isinstance(image.root, Index):
            path = staging / f"manifest-{manifest.digest.hex}"
            try:
                path.write_bytes(manifest.raw)
            except OSError as error:
                raise from_os(error, "writing") from error
            blobs[manifest.digest] = manifest.descriptor()
            files[manifest.digest] = BlobFile(
                manifest.digest, len(manifest.raw), path, is_verified=True
            )
    return Outgoing(image, tuple(blobs.values()), files)


def platforms_of(store: Store, image: SourceImage) -> tuple[Platform, ...]:
    """What the image runs on, as its index says, or its config where there is none.

    An artifact that is no image (its config has another media type) runs on nothing.
    """
    if isinstance(image.root, Index):
        return image.root.platforms
    descriptor = image.root.config
    if descriptor.media_type not in media_types.CONFIGS:
        return ()
    file = image.blobs.get(descriptor.digest)
    if file is None:
        raw = read_document(store, descriptor)
    else:
        with open_range(file.path, file.offset, file.size) as source:
            raw = b"".join(pieces(source))
    return (parse_config(raw).platform,)
