"""File digest: whether a range of a file is what it is to be stored as."""

from __future__ import annotations

import hashlib
from pathlib import Path

from s3lo.engine.transfers import damaged_source
from s3lo.model.digest import Digest

_CHUNK_BYTES = 1 << 20


def require_digest(path: Path, offset: int, size: int, digest: Digest) -> None:
    """Read it through; raises DigestMismatch, OSError."""
    found = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        while size and (chunk := file.read(min(_CHUNK_BYTES, size))):
            found.update(chunk)
            size -= len(chunk)
    if found.hexdigest() != digest.hex:
        raise damaged_source(path, found.hexdigest(), digest)
