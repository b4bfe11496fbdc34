"""Attachments: lists of what refers to a manifest, and what becomes of two of them."""

from __future__ import annotations

from contextlib import suppress

from s3lo.bucket import keys
from s3lo.errors import IntegrityError, NotFoundError
from s3lo.model.documents import (
    MAX_DOCUMENT_BYTES,
    Index,
    Manifest,
    build_index,
    parse_document,
)
from s3lo.operations.landing import Landing


def merged(landing: Landing, came: Manifest | Index) -> Manifest | Index:
    """What is to lie at the landing's tag: what came and, where both are lists, what only the one
    that is there has."""
    if not isinstance(came, Index):
        return came
    there: Manifest | Index | None = None
    key = keys.manifest_key(landing.target.image, landing.target.tag)
    with suppress(NotFoundError, IntegrityError):
        there = parse_document(landing.store.get(key, limit_bytes=MAX_DOCUMENT_BYTES))
    if not isinstance(there, Index):
        return came
    names = {entry.digest for entry in came.manifests}
    others = tuple(entry for entry in there.manifests if entry.digest not in names)
    return build_index((*came.manifests, *others)) if others else came
