"""Referrers: what says something about an image and is kept beside it: signatures, attestations
(OCI distribution spec 1.1, "Listing Referrers")."""

from __future__ import annotations

from collections.abc import Sequence

from s3lo.errors import InvalidDocument
from s3lo.model import media_types
from s3lo.model.attachment import referrers_tag
from s3lo.model.digest import Digest
from s3lo.model.documents import MAX_DOCUMENT_BYTES, Descriptor, Index, parse_document
from s3lo.transports.registry.pages import pages
from s3lo.transports.registry.session import Session

_UNKNOWN = (400, 404, 405, 406, 501)
"""How registries answer that do not know the question."""


def referrers(session: Session, digest: Digest) -> Sequence[Descriptor]:
    """What refers to a manifest; where the registry cannot tell, what the tag of the fallback schema
    lists. Raises InvalidDocument for a list that is none."""
    what = f"what refers to {digest}"
    found: list[Descriptor] = []
    for reply in pages(
        session, f"referrers/{digest}", what, accept=media_types.OCI_INDEX, also=_UNKNOWN
    ):
        served_as = reply.headers.get("content-type", "").partition(";")[0].strip()
        if reply.status != 200 or served_as != media_types.OCI_INDEX:
            return _by_tag(session, digest, what)
        found += _listed(reply.body, what)
    return tuple(found)


def _by_tag(session: Session, digest: Digest, what: str) -> Sequence[Descriptor]:
    path = f"manifests/{referrers_tag(digest)}"
    if not session.has(path, what, accept=media_types.OCI_INDEX):
        return ()
    reply = session.fetch(
        path,
        what,
        accept=media_types.OCI_INDEX,
        most_bytes=MAX_DOCUMENT_BYTES,
        also=(404,),
    )
    return () if reply.status == 404 else _listed(reply.body, what)


def _listed(raw: bytes, what: str) -> Sequence[Descriptor]:
    document = parse_document(raw)
    if not isinstance(document, Index):
        raise InvalidDocument(f"{what} came as {document.media_type}, which is no list")
    return document.manifests
