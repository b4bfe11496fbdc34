"""Layout files: what the files of an OCI layout are called, and what stands in the small ones.

OCI image spec 1.1, image-layout.md.
"""

from __future__ import annotations

import re

from s3lo.model.digest import Digest
from s3lo.model.documents import Document, encode
from s3lo.model.media_types import OCI_INDEX

LAYOUT_FILE = "oci-layout"
INDEX_FILE = "index.json"
LAYOUT_VERSION = "1.0.0"
REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"


def blob_name(digest: Digest) -> str:
    """Where a layout keeps a blob (OCI image spec, image-layout.md#blobs)."""
    return f"blobs/sha256/{digest.hex}"


_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})\Z")


def named_blob(name: str) -> Digest | None:
    """The blob that a file of a layout is, by its name."""
    matched = _BLOB.match(name)
    return Digest.from_hex(matched[1]) if matched else None


def layout_file() -> bytes:
    return encode({"imageLayoutVersion": LAYOUT_VERSION})


def index_of(root: Document, annotations: list[dict[str, str]]) -> bytes:
    """``index.json`` with one entry for every set of annotations, at least one in all."""
    descriptor = root.descriptor().to_json()
    entries = [{**descriptor, "annotations": each} for each in annotations]
    return encode(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries or [descriptor]}
    )
