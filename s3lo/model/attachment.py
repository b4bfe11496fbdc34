"""Attachment: the tags that what is attached to a manifest goes under: signatures, SBOMs, lists of those.

Sources: OCI distribution spec 1.1, "Referrers Tag Schema" (``sha256-<hex>``); cosign, which adds a
suffix (``sha256-<hex>.sig``).
"""

from __future__ import annotations

import re

from s3lo.model.digest import Digest

_SUFFIXES = ("sig", "att", "sbom")
"""Of cosign's tags."""
_TAG = re.compile(r"sha256-([0-9a-f]{64})(?:\..+)?\Z")


def referrers_tag(digest: Digest) -> str:
    """Where the list of what refers to a manifest is, in registries that cannot be asked for it."""
    return f"sha256-{digest.hex}"


def attached_tags(digest: Digest) -> tuple[str, ...]:
    """The tags that may have something attached to a manifest; the list of referrers first."""
    base = referrers_tag(digest)
    return (base, *(f"{base}.{suffix}" for suffix in _SUFFIXES))


def subject_of(tag: str) -> Digest | None:
    """The manifest that a tag belongs to by its name; None for an ordinary tag."""
    found = _TAG.match(tag)
    return Digest.from_hex(found.group(1)) if found else None
