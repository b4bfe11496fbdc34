"""push: an image from Docker, a layout or an archive into a store. Blobs first, the tag last."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from msgspec import Struct

from s3lo import errors
from s3lo.bucket import keys
from s3lo.bucket.local import is_store
from s3lo.bucket.options import ConnectionOptions
from s3lo.bucket.rules import load_rules
from s3lo.bucket.store import Store
from s3lo.bucket.tags import write_tag
from s3lo.engine.options import EngineOptions
from s3lo.engine.report import EngineReport
from s3lo.engine.transfers import Upload
from s3lo.errors import ImmutableTag, UsageError
from s3lo.events import Note, Observer, ignore
from s3lo.files import Staging, scratch_directory
from s3lo.model import media_types
from s3lo.model.documents import Descriptor, Index, parse_config
from s3lo.model.platform import Platform
from s3lo.model.reference import ImageReference, Location, parse_image_reference
from s3lo.operations.depot import Depot, opened
from s3lo.operations.phase import Phase, cancellable
from s3lo.operations.results import PushedBlob, PushResult
from s3lo.transports.image import BlobFile, Compression, SourceImage
from s3lo.transports.source import open_source, parse_source

_LOOKS_AT_A_TIME = 16
_NO_CONNECTION = ConnectionOptions()
_NO_ENGINE = EngineOptions()


class _Blob(Struct, frozen=True):
    """A blob of the image: how it is named, and where its bytes are."""

    descriptor: Descriptor
    file: BlobFile

    @property
    def key(self) -> str:
        return keys.blob_key(self.descriptor.digest)

    def as_upload(self, *, is_forced: bool = False) -> Upload:
        file = self.file
        return Upload(
            file.digest,
            file.size,
            self.key,
            file.path,
            file.offset,
            file.is_verified,
            headers=(("content-type", "application/octet-stream"),),
            preferences=(("x-amz-storage-class", keys.storage_class(self.key)),),
            if_absent=not is_forced,
        )


class _Outgoing(Struct, frozen=True):
    """An image that is ready to leave, and how it is to arrive."""

    target: ImageReference
    image: SourceImage
    blobs: Sequence[_Blob]
    platforms: tuple[Platform, ...]
    is_immutable: bool
    is_forced: bool


def push(
    source: str,
    reference: str,
    *,
    platform: str | None = None,
    compression: Compression = "zstd",
    force: bool = False,
    connection: ConnectionOptions = _NO_CONNECTION,
    engine: EngineOptions = _NO_ENGINE,
    tmpdir: Path | None = None,
    observer: Observer = ignore,
    cancel: Event | None = None,
) -> PushResult:
    """Bring an image into a store; returns when its tag is visible and everything it needs is there.

    ``source`` and ``reference`` are written as on the command line. Blobs that the store has, with
    the right size, are not moved. Layers that come uncompressed are compressed. ``force`` overrides
    an immutable tag, and uploads every blob anew, which repairs damaged ones. ``cancel``, once set,
    ends the push with Interrupted. Raises the errors of ``s3lo.errors``; after any of them the tag is as it was.
    """
    started_at = time.monotonic()
    observer = cancellable(observer, cancel)
    with errors.context("pushing", reference):
        target = _target(reference)
        parsed = parse_source(source)
        wanted = Platform.parse(platform) if platform else None
        _tell_new_store(target.location, observer)
        with opened(target.location, connection, engine) as depot:
            immutable = _check_rules(depot.store, target, force, observer)
            with Staging(scratch_directory(tmpdir)) as staging:
                with Phase("save", observer):
                    image = open_source(
                        parsed,
                        staging=staging,
                        compression=compression,
                        platform=wanted,
                        observer=observer,
                    )
                outgoing = _Outgoing(
                    target, image, _blobs(image, staging), _platforms(image), immutable, force
                )
                moved, report = _publish(depot, outgoing, observer, cancel)
                return _result(outgoing, moved, report, started_at)


def _tell_new_store(location: Location, observer: Observer) -> None:
    """Where no store is yet, its root is a guess from the path: say which one it is."""
    if location.scheme == "local" and not is_store(location.name):
        observer(Note(f"a new store is made at {os.path.abspath(location.name)}"))


def _target(reference: str) -> ImageReference:
    target = parse_image_reference(reference, is_store)
    if not target.tag:
        raise UsageError("a push needs a tag; a digest follows from the content")
    if not target.is_creatable:
        raise errors.InvalidReference(
            f"{target.image!r} is not an image name that may be created",
            hint="Use lower case letters, digits, and single . _ - between them.",
        )
    return target


def _check_rules(store: Store, target: ImageReference, force: bool, observer: Observer) -> bool:
    """Whether the tag is to be written only if it is not there; refuses early where it is."""
    if not load_rules(store).effective(target.image).immutable:
        return False
    if force:
        observer(Note(f"{target} is immutable: overriding the rule as asked"))
        return False
    if store.head(keys.manifest_key(target.image, target.tag)) is not None:
        raise ImmutableTag(f"{target.name} is immutable and already there")
    return True


def _blobs(image: SourceImage, staging: Path) -> list[_Blob]:
    """Every blob the tag will need, each digest once; platforms' manifests are blobs as well."""
    found: dict[str, _Blob] = {}
    for manifest in image.manifests:
        for descriptor in manifest.blobs:
            found[descriptor.digest] = _Blob(descriptor, image.blobs[descriptor.digest])
        if isinstance(image.root, Index):
            path = staging / f"manifest-{manifest.digest.hex}"
            path.write_bytes(manifest.raw)
            file = BlobFile(manifest.digest, len(manifest.raw), path, is_verified=True)
            found[manifest.digest] = _Blob(manifest.descriptor(), file)
    return list(found.values())


def _publish(
    depot: Depot, outgoing: _Outgoing, observer: Observer, cancel: Event | None
) -> tuple[set[str], EngineReport]:
    """Upload what is missing, then write the tag; returns the digests that moved.

    A blob that was found present could be cleaned away before the tag refers to it. So those are
    looked at once more when the tag is visible, which keeps any later clean from taking them
    (STORAGE rule 4), and brought back if they went.
    """
    target, blobs = outgoing.target, outgoing.blobs
    missing = blobs if outgoing.is_forced else _missing(depot.store, blobs)
    with Phase("transfer", observer, sum(blob.file.size for blob in missing)):
        uploads = [blob.as_upload(is_forced=outgoing.is_forced) for blob in missing]
        report = depot.engine.upload(uploads, observer, cancel)
    with Phase("publish", observer):
        write_tag(
            depot.store,
            target.image,
            target.tag,
            outgoing.image.root.raw,
            immutable=outgoing.is_immutable,
        )
        moved = {str(blob.descriptor.digest) for blob in missing}
        reused = [blob for blob in blobs if blob.descriptor.digest not in moved]
        vanished = _missing(depot.store, reused)
        if vanished:
            observer(Note(f"{len(vanished)} reused blobs were cleaned away meanwhile: restoring"))
            depot.engine.upload([blob.as_upload() for blob in vanished], observer, cancel)
    return moved | {str(blob.descriptor.digest) for blob in vanished}, report


def _missing(store: Store, blobs: Sequence[_Blob]) -> list[_Blob]:
    """Blobs that are not there with the right size; another size is damage, to be repaired."""

    def is_missing(blob: _Blob) -> bool:
        found = store.head(blob.key)
        return found is None or found.size != blob.file.size

    if not blobs:
        return []
    with ThreadPoolExecutor(_LOOKS_AT_A_TIME, thread_name_prefix="s3lo-look") as looks:
        return [
            blob for blob, absent in zip(blobs, looks.map(is_missing, blobs), strict=True) if absent
        ]


def _result(
    outgoing: _Outgoing, moved: set[str], report: EngineReport, started_at: float
) -> PushResult:
    pushed = tuple(
        PushedBlob(
            str(blob.descriptor.digest),
            blob.descriptor.size,
            blob.descriptor.media_type,
            str(blob.descriptor.digest) in moved,
        )
        for blob in outgoing.blobs
    )
    return PushResult(
        reference=str(outgoing.target),
        digest=str(outgoing.image.root.digest),
        platform=", ".join(map(str, outgoing.platforms)),
        blobs=pushed,
        bytes=sum(blob.size for blob in pushed),
        bytes_uploaded=sum(blob.size for blob in pushed if blob.uploaded),
        seconds=time.monotonic() - started_at,
        engine=report,
    )


def _platforms(image: SourceImage) -> tuple[Platform, ...]:
    """What the image runs on, as its index says, or its config where there is none.

    An artifact that is no image (its config has another media type) runs on nothing.
    """
    if isinstance(image.root, Index):
        return image.root.platforms
    if image.root.config.media_type not in media_types.CONFIGS:
        return ()
    config = image.blobs[image.root.config.digest]
    try:
        with config.path.open("rb") as file:
            file.seek(config.offset)
            return (parse_config(file.read(config.size)).platform,)
    except OSError as error:
        raise errors.from_os(error, "reading") from error
