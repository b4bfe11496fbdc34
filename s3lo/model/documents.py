"""Documents: manifest, index and image config, typed, each keeping the raw bytes it came as.

A digest is of bytes, never of a meaning: a document that is stored or passed on is its ``raw``.
Sources: OCI image spec 1.1 (manifest.md, image-index.md, config.md), Docker image manifest
version 2, schema 2.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from s3lo.errors import InvalidDocument, S3loError
from s3lo.model import media_types
from s3lo.model.digest import Digest
from s3lo.model.platform import Platform

Fields = TypeVar("Fields")

MAX_DOCUMENT_BYTES = 4 << 20
"""What registries accept at most for a manifest (OCI distribution spec, "pushing manifests")."""

_MAX_SIZE_BYTES = (1 << 63) - 1
"""``size`` is an int64 (OCI image spec, descriptor.md#properties)."""

REFERENCE_TYPE = "vnd.docker.reference.type"
"""The annotation that marks an index entry as an attestation of another one."""


class _PlatformFields(msgspec.Struct, frozen=True):
    os: str = ""
    architecture: str = ""
    variant: str = ""


class _DescriptorFields(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] | None = None
    platform: _PlatformFields | None = None
    artifact_type: str = ""
    urls: list[str] | None = None


class _ManifestFields(msgspec.Struct, frozen=True, rename="camel"):
    schema_version: int
    config: _DescriptorFields
    layers: list[_DescriptorFields]
    annotations: dict[str, str] | None = None


class _IndexFields(msgspec.Struct, frozen=True, rename="camel"):
    schema_version: int
    manifests: list[_DescriptorFields]
    annotations: dict[str, str] | None = None


class _RootfsFields(msgspec.Struct, frozen=True):
    diff_ids: list[str] = []


class _ConfigFields(msgspec.Struct, frozen=True):
    os: str = ""
    architecture: str = ""
    variant: str = ""
    created: str | None = None
    rootfs: _RootfsFields = _RootfsFields()


class HistoryEntry(Struct, frozen=True):
    """A step in which an image was made (OCI image spec, config.md, ``history``)."""

    created: str | None = None
    created_by: str = ""
    comment: str = ""
    empty_layer: bool = False


class _HistoryFields(Struct, frozen=True):
    history: tuple[HistoryEntry, ...] | None = None


class _Kind(msgspec.Struct, frozen=True, rename="camel"):
    """Just enough of a document to know which one it is."""

    media_type: str = ""
    manifests: Any = None
    layers: Any = None


# msgspec looks at a type when it is first decoded into: two threads that did so at one moment crashed
# (0.22; a clean of one run in forty, where others kept the CPUs busy). A Decoder has looked at it.
_KIND = msgspec.json.Decoder(_Kind)
_MANIFEST = msgspec.json.Decoder(_ManifestFields)
_INDEX = msgspec.json.Decoder(_IndexFields)
_CONFIG = msgspec.json.Decoder(_ConfigFields)
_HISTORY = msgspec.json.Decoder(_HistoryFields)
_ANYTHING: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Descriptor(Struct, frozen=True):
    """Where content is named from another document: media type, digest, size in bytes."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    annotations: tuple[tuple[str, str], ...] = ()
    artifact_type: str = ""

    def annotation(self, name: str) -> str:
        return dict(self.annotations).get(name, "")

    @property
    def is_attestation(self) -> bool:
        """An entry that describes another image and is never run."""
        unknown = self.platform is not None and self.platform.is_unknown
        return unknown or bool(self.annotation(REFERENCE_TYPE))

    def to_json(self) -> dict[str, Any]:
        """The descriptor as it is written into a document, keys in the usual order."""
        out: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
        }
        if self.artifact_type:
            out["artifactType"] = self.artifact_type
        if self.annotations:
            out["annotations"] = dict(self.annotations)
        if self.platform:
            fields = {"architecture": self.platform.architecture, "os": self.platform.os}
            if self.platform.variant:
                fields["variant"] = self.platform.variant
            out["platform"] = fields
        return out


class Document(Struct, frozen=True, dict=True):
    """Raw bytes with the digest and media type they go by."""

    raw: bytes
    media_type: str

    @cached_property
    def digest(self) -> Digest:
        return Digest.of(self.raw)

    def descriptor(self, platform: Platform | None = None) -> Descriptor:
        """How another document names this one."""
        return Descriptor(self.media_type, self.digest, len(self.raw), platform)


class Manifest(Document, frozen=True):
    """One platform's image: its config and its layers, bottom first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """Config and layers, every digest once, in that order."""
        return tuple({d.digest: d for d in (self.config, *self.layers)}.values())


class Index(Document, frozen=True):
    """Several platforms' manifests under one name."""

    manifests: tuple[Descriptor, ...]

    def select(self, wanted: Platform) -> Descriptor | None:
        """The first entry that runs on ``wanted``; attestations never do."""
        for entry in self.manifests:
            if entry.is_attestation or entry.platform is None:
                continue
            if entry.platform.satisfies(wanted):
                return entry
        return None

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """What it can run on, attestations left out."""
        return tuple(d.platform for d in self.manifests if d.platform and not d.is_attestation)


class ImageConfig(Document, frozen=True):
    """What Docker calls the image: its digest is the image id."""

    platform: Platform
    diff_ids: tuple[Digest, ...]
    created: str | None = None


def parse_document(raw: bytes, media_type: str = "") -> Manifest | Index:
    """Read a manifest or an index; raises InvalidDocument when it is neither.

    ``media_type`` is what an outer descriptor or an HTTP header said, for documents (OCI 1.0)
    that do not name their own.
    """
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise InvalidDocument(f"a manifest of {len(raw)} bytes (at most {MAX_DOCUMENT_BYTES})")
    kind = _decode(raw, _KIND, "manifest")
    if not kind.media_type and kind.manifests is not None and kind.layers is not None:
        # Two readers could take it for two things (OCI image spec, advisory GHSA-77vh-xpmg-72qh).
        raise InvalidDocument("a document that may be a manifest or an index, and does not say")
    is_index = (kind.media_type or media_type) in media_types.INDEXES
    if is_index or (not kind.media_type and kind.manifests is not None):
        index = _decode(raw, _INDEX, "index")
        said = media_type if media_type in media_types.INDEXES else media_types.OCI_INDEX
        entries = tuple(_descriptor(d) for d in index.manifests)
        return Index(raw, kind.media_type or said, entries)
    fields = _decode(raw, _MANIFEST, "manifest")
    named = kind.media_type or media_type or media_types.OCI_MANIFEST
    if named not in media_types.MANIFESTS:
        raise InvalidDocument(f"{named} is not the media type of an image manifest")
    return Manifest(
        raw, named, _descriptor(fields.config), tuple(_descriptor(d) for d in fields.layers)
    )


def parse_config(raw: bytes, media_type: str = media_types.OCI_CONFIG) -> ImageConfig:
    """Read an image config; raises InvalidDocument when it is not one."""
    fields = _decode(raw, _CONFIG, "image config")
    platform = Platform(fields.os, fields.architecture, fields.variant)
    try:
        diff_ids = tuple(Digest.parse(d) for d in fields.rootfs.diff_ids)
    except S3loError as error:
        raise InvalidDocument(f"image config: {error.message}") from error
    return ImageConfig(raw, media_type, platform, diff_ids, fields.created)


def parse_history(raw: bytes) -> tuple[HistoryEntry, ...]:
    """How an image was made, by its config, oldest step first; raises InvalidDocument.

    Apart from :func:`parse_config`: nobody has to understand it to run an image.
    """
    fields = _decode(raw, _HISTORY, "history of an image config")
    return fields.history or ()


def build_manifest(config: Descriptor, layers: tuple[Descriptor, ...]) -> Manifest:
    """Write an OCI manifest; the same parts give the same bytes."""
    body = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": config.to_json(),
        "layers": [layer.to_json() for layer in layers],
    }
    return Manifest(encode(body), media_types.OCI_MANIFEST, config, layers)


def build_index(manifests: tuple[Descriptor, ...]) -> Index:
    """Write an OCI index; the same entries give the same bytes."""
    body = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_INDEX,
        "manifests": [entry.to_json() for entry in manifests],
    }
    return Index(encode(body), media_types.OCI_INDEX, manifests)


def encode(body: Any) -> bytes:
    """JSON as every document of ours is written: compact, keys in the order given."""
    return msgspec.json.encode(body)


def decode(raw: bytes, what: str) -> Any:
    """Untyped JSON of a document that has no type here; raises InvalidDocument."""
    return _decode(raw, _ANYTHING, what)


def _decode(raw: bytes, decoder: msgspec.json.Decoder[Fields], what: str) -> Fields:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidDocument(f"not a valid {what}: {error}") from error


def _descriptor(fields: _DescriptorFields) -> Descriptor:
    try:
        digest = Digest.parse(fields.digest)
    except S3loError as error:
        raise InvalidDocument(f"descriptor: {error.message}") from error
    if not 0 <= fields.size <= _MAX_SIZE_BYTES:
        raise InvalidDocument(f"descriptor {digest}: {fields.size} is no size")
    platform = None
    if named := fields.platform:
        platform = Platform(named.os, named.architecture, named.variant)
    annotations = tuple((fields.annotations or {}).items())
    return Descriptor(
        fields.media_type, digest, fields.size, platform, annotations, fields.artifact_type
    )
