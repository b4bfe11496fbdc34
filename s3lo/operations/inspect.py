"""inspect: what a tag or a digest is: per platform its config, layers and history."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from s3lo import errors
from s3lo.abreast import abreast
from s3lo.bucket.local import is_store
from s3lo.bucket.options import ConnectionOptions
from s3lo.bucket.store import Store
from s3lo.bucket.tags import list_signatures
from s3lo.engine.options import EngineOptions
from s3lo.model import media_types
from s3lo.model.documents import (
    HistoryEntry,
    Index,
    Manifest,
    parse_config,
    parse_document,
    parse_history,
)
from s3lo.model.objects import ObjectInfo
from s3lo.model.platform import Platform
from s3lo.model.reference import ImageReference, parse_image_reference
from s3lo.operations.depot import opened
from s3lo.operations.resolve import read_document, read_root, root, select
from s3lo.operations.results import (
    InspectResult,
    LayerSummary,
    PlatformSummary,
    SignatureSummary,
    written,
)

_READ_AT_A_TIME = 16
_NO_CONNECTION = ConnectionOptions()
_NO_PLATFORM = Platform("", "")


def inspect(
    reference: str,
    *,
    platform: str | None = None,
    connection: ConnectionOptions = _NO_CONNECTION,
) -> InspectResult:
    """What an image in a store is, of every platform or of one.

    Raises NotFoundError where it or the platform is not there, IntegrityError where a document is
    not what its digest says or cannot be understood.
    """
    with errors.context("inspecting", reference):
        source = parse_image_reference(reference, is_store)
        wanted = Platform.parse(platform) if platform else None
        with opened(source.location, connection, EngineOptions()) as depot:
            return _inspect(depot.store, source, wanted)


def read_manifest(
    reference: str,
    *,
    platform: str | None = None,
    connection: ConnectionOptions = _NO_CONNECTION,
) -> bytes:
    """The manifest or index as it is stored, byte for byte and whatever it is; with ``platform``, that one's."""
    with errors.context("inspecting", reference):
        source = parse_image_reference(reference, is_store)
        wanted = Platform.parse(platform) if platform else None
        with opened(source.location, connection, EngineOptions()) as depot:
            raw = read_root(depot.store, source)
            return select(depot.store, parse_document(raw), wanted).raw if wanted else raw


def _inspect(store: Store, source: ImageReference, wanted: Platform | None) -> InspectResult:
    document = root(store, source)
    chosen = [select(store, document, wanted)] if wanted else _manifests(store, document)
    entries = document.manifests if isinstance(document, Index) else ()
    signatures = list_signatures(store, source.image, source.tag) if source.tag else []
    return InspectResult(
        reference=str(source),
        image=source.image,
        tag=source.tag,
        digest=str(document.digest),
        media_type=document.media_type,
        size=len(document.raw),
        platforms=tuple(abreast(partial(_summary, store), chosen, _READ_AT_A_TIME)),
        attestations=tuple(str(entry.digest) for entry in entries if entry.is_attestation),
        signatures=tuple(map(_signature, signatures)),
    )


def _manifests(store: Store, document: Manifest | Index) -> Iterator[Manifest]:
    """Each platform's, in order; an index may lie in an index."""
    if isinstance(document, Manifest):
        yield document
        return
    for entry in document.manifests:
        if not entry.is_attestation:
            raw = read_document(store, entry)
            yield from _manifests(store, parse_document(raw, entry.media_type))


def _summary(store: Store, manifest: Manifest) -> PlatformSummary:
    platform, created = _NO_PLATFORM, ""
    history: tuple[HistoryEntry, ...] = ()
    if manifest.config.media_type in media_types.CONFIGS:
        raw = read_document(store, manifest.config)
        config = parse_config(raw, manifest.config.media_type)
        platform, created, history = config.platform, config.created or "", parse_history(raw)
    return PlatformSummary(
        platform=str(platform),
        os=platform.os,
        architecture=platform.architecture,
        variant=platform.variant,
        digest=str(manifest.digest),
        media_type=manifest.media_type,
        config_digest=str(manifest.config.digest),
        created=created,
        size=sum(blob.size for blob in manifest.blobs),
        layers=tuple(LayerSummary(str(d.digest), d.size, d.media_type) for d in manifest.layers),
        history=history,
    )


def _signature(found: ObjectInfo) -> SignatureSummary:
    name = found.key.rpartition("/")[2]
    return SignatureSummary(name.removesuffix(".json"), found.size, written(found.last_modified))
