"""Image: what a transport hands over or takes, as data: documents, and where its blobs are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct

from s3lo.model.digest import Digest
from s3lo.model.documents import Index, Manifest

Compression = Literal["zstd", "gzip", "none"]
Form = Literal["oci", "docker"]
"""Of an archive."""


class BlobFile(Struct, frozen=True):
    """A blob's bytes: a range of a local file."""

    digest: Digest
    size: int
    path: Path
    offset: int = 0
    is_verified: bool = False
    """The digest was computed from these very bytes, by us, in this run."""


class SourceImage(Struct, frozen=True):
    """An image ready to be uploaded.

    ``root`` is what a tag will point to. ``manifests`` is that one or, where it is an index, the
    platforms' manifests, which become blobs themselves. ``blobs`` has every config and layer they
    name.
    """

    root: Manifest | Index
    manifests: tuple[Manifest, ...]
    blobs: Mapping[Digest, BlobFile]
    held: frozenset[Digest] = frozenset()
    """Blobs that are in no file, for the destination has them."""


class PulledImage(Struct, frozen=True):
    """An image whose verified blobs lie in ``blobs_dir`` under the hex of their digests."""

    manifest: Manifest
    blobs_dir: Path

    def path(self, digest: Digest) -> Path:
        return self.blobs_dir / digest.hex
