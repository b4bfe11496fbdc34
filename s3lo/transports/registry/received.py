"""Received: a manifest or an index as a registry sent it, proven to be what was asked for."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from s3lo.errors import DigestMismatch, InvalidDocument, InvalidReference
from s3lo.model import media_types
from s3lo.model.digest import Digest

_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"
ACCEPT = ", ".join(
    (
        media_types.OCI_INDEX,
        media_types.DOCKER_LIST,
        media_types.OCI_MANIFEST,
        media_types.DOCKER_MANIFEST,
        _ARTIFACT,
    )
)
"""What a registry may answer with; it looks for the stored form among these."""
_KNOWN = media_types.INDEXES | media_types.MANIFESTS | {_ARTIFACT}


class Received(Struct, frozen=True):
    """A document as it came."""

    raw: bytes
    media_type: str
    """As the document says it or, where it does not, the answer; empty where neither does."""
    digest: Digest


class _Said(Struct, frozen=True, rename="camel"):
    schema_version: int = 0
    media_type: str = ""


_SAID = msgspec.json.Decoder(_Said)


def is_manifest_type(media_type: str) -> bool:
    """Whether a registry keeps such a thing as a manifest; all else is a blob."""
    return media_type in _KNOWN or media_type.startswith(_SCHEMA_1)


def receive(
    raw: bytes, content_type: str, named_digest: str, wanted: Digest | None, what: str
) -> Received:
    """Check an answer's body against what was asked for and what the answer says of itself.

    ``content_type`` and ``named_digest`` are its headers. Raises InvalidDocument for what is no
    manifest or one of Docker's first schema, DigestMismatch.
    """
    served_as = content_type.partition(";")[0].strip().lower()
    said = _said(raw, served_as, what)
    if served_as.startswith(_SCHEMA_1) or said.schema_version == 1:
        raise InvalidDocument(
            f"{what} has a manifest of Docker's schema 1 ({served_as})",
            hint="It was pushed by a Docker before 1.10: pull it with docker and push it anew.",
        )
    digest = Digest.of(raw)
    for other, whose in ((wanted or "", "asked for"), (_sha256(named_digest), "said to be sent")):
        if other and other != digest:
            raise DigestMismatch(f"{what} came as {digest} where {other} was {whose}")
    known = served_as if served_as in _KNOWN else ""
    return Received(raw, said.media_type or known, digest)


def _said(raw: bytes, served_as: str, what: str) -> _Said:
    try:
        return _SAID.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidDocument(
            f"{what} came as {served_as or 'something'} that is no manifest: {error}",
            hint="Is this a registry? A proxy or a login page may have answered in its place.",
        ) from error


def _sha256(text: str) -> str:
    """A digest that can be compared; registries may name one of another algorithm."""
    try:
        return Digest.parse(text)
    except InvalidReference:
        return ""
