"""Image: what a transport hands over or takes, as data: documents, and blobs that lie in files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from s3lo.model.digest import Digest
from s3lo.model.documents import Index, Manifest

Compression = Literal["zstd", "gzip", "none"]


@dataclass(frozen=True, slots=True)
class BlobFile:
    """A blob's bytes: a range of a local file."""

    digest: Digest
    size: int
    path: Path
    offset: int = 0
    is_verified: bool = False
    """The digest was computed from these very bytes, by us, in this run."""


@dataclass(frozen=True, slots=True)
class SourceImage:
    """An image ready to be uploaded.

    ``root`` is what a tag will point to. ``manifests`` is that one or, where it is an index, the
    platforms' manifests, which become blobs themselves. ``blobs`` has every config and layer they
    name.
    """

    root: Manifest | Index
    manifests: tuple[Manifest, ...]
    blobs: Mapping[Digest, BlobFile]


@dataclass(frozen=True, slots=True)
class PulledImage:
    """An image whose verified blobs lie in ``blobs_dir`` under the hex of their digests."""

    manifest: Manifest
    blobs_dir: Path

    def path(self, digest: Digest) -> Path:
        return self.blobs_dir / digest.hex
