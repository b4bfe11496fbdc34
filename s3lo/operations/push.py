"""push: an image from Docker, a layout or an archive into a store. Blobs first, the tag last.

source ──► layers the store has: passed over        (StoreHoldings)
       ──► others: hashed, compressed ──► uploaded while the next is made   (Outflow)
       ──► what came compressed already, config, manifests: looked for, uploaded
then the tag, and a second look at all that it needs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from threading import Event

from msgspec import Struct
from msgspec.structs import replace

from s3lo import errors
from s3lo.abreast import abreast
from s3lo.bucket import keys
from s3lo.bucket.local import is_store
from s3lo.bucket.options import ConnectionOptions, StorageOptions
from s3lo.bucket.rules import load_rules
from s3lo.bucket.store import Store
from s3lo.engine.options import EngineOptions
from s3lo.engine.report import EngineReport
from s3lo.engine.transfers import Upload
from s3lo.errors import ImmutableTag, UsageError
from s3lo.events import Note, Observer, ignore
from s3lo.files import Staging, scratch_directory
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor
from s3lo.model.platform import Platform
from s3lo.model.reference import ImageReference, Location, parse_image_reference
from s3lo.operations.depot import Depot, opened
from s3lo.operations.holdings import StoreHoldings
from s3lo.operations.layer_cache import user_cache
from s3lo.operations.outflow import Outflow
from s3lo.operations.outgoing import Outgoing, outgoing_of, platforms_of
from s3lo.operations.phase import Phase, cancellable, one_at_a_time
from s3lo.operations.publish import Publication, publish
from s3lo.operations.results import PushedBlob, PushResult
from s3lo.transports.image import BlobFile, Compression
from s3lo.transports.packing import LEVELS, NotAsHeld, Packing
from s3lo.transports.source import Source, open_source, parse_source

_LOOKS_AT_A_TIME = 16
_NO_CONNECTION = ConnectionOptions()
_NO_ENGINE = EngineOptions()
_NO_STORAGE = StorageOptions()


class _Task(Struct, frozen=True):
    """What was asked for."""

    depot: Depot
    target: ImageReference
    source: Source
    platforms: tuple[Platform, ...]
    compression: Compression
    level: int | None
    is_forced: bool
    storage: StorageOptions
    observer: Observer
    cancel: Event | None

    def upload(self, file: BlobFile, stored: Callable[[int, int], None] | None = None) -> Upload:
        key = keys.blob_key(file.digest)
        upload = Upload(
            file.digest,
            file.size,
            key,
            file.path,
            file.offset,
            file.is_verified,
            headers=self.storage.blob_headers,
            preferences=self.storage.blob_preferences,
            if_absent=not self.is_forced,
        )
        return replace(upload, stored=stored) if stored else upload

    def is_there(self, digest: Digest, size: int) -> bool:
        """Whether the store has a blob of this size; of another it is damaged, to be repaired."""
        found = self.depot.store.head(keys.blob_key(digest))
        return found is not None and found.size == size


class _Vanished(Exception):
    """Blobs that the push relied on are gone from the store, and it has no copy of them."""


def push(
    source: str,
    reference: str,
    *,
    platform: str | Sequence[str] | None = None,
    compression: Compression = "zstd",
    compression_level: int | None = None,
    force: bool = False,
    connection: ConnectionOptions = _NO_CONNECTION,
    storage: StorageOptions = _NO_STORAGE,
    engine: EngineOptions = _NO_ENGINE,
    tmpdir: Path | None = None,
    observer: Observer = ignore,
    cancel: Event | None = None,
) -> PushResult:
    """Bring an image into a store; returns when its tag is visible and everything it needs is there.

    ``source`` and ``reference`` are written as on the command line. Of a source for several platforms
    all are taken, or one as an image of its own, or several as an index of these. Blobs that the store has, with
    the right size, are not moved, and layers that it has in the wanted compression are not
    compressed either. Layers that come uncompressed are compressed. ``force`` overrides an immutable
    tag, and makes and uploads every blob anew, which repairs damaged ones. ``cancel``, once set,
    ends the push with Interrupted. Raises the errors of ``s3lo.errors``; after any of them the tag is as it was.
    """
    started_at = time.monotonic()
    observer = cancellable(observer, cancel)
    with errors.context("pushing", reference):
        target = _target(reference)
        parsed = parse_source(source)
        wanted = _wanted(platform)
        _check_level(compression, compression_level)
        _tell_new_store(target.location, observer)
        with opened(target.location, connection, engine, storage) as depot:
            is_immutable = _check_rules(depot.store, target, force, observer)
            task = _Task(
                depot,
                target,
                parsed,
                wanted,
                compression,
                compression_level,
                force,
                storage,
                one_at_a_time(observer),
                cancel,
            )
            try:
                return _attempt(task, scratch_directory(tmpdir), started_at, is_immutable)
            except (NotAsHeld, _Vanished) as reason:
                observer(Note(f"reading the image again, in full: {reason}"))
                is_new = is_immutable and not isinstance(reason, _Vanished)
                return _attempt(task, scratch_directory(tmpdir), started_at, is_new, spares=False)


def _wanted(platform: str | Sequence[str] | None) -> tuple[Platform, ...]:
    named = [platform] if isinstance(platform, str) else platform or ()
    return tuple(Platform.parse(each) for each in named if each)


def _check_level(compression: Compression, level: int | None) -> None:
    allowed = LEVELS[compression]
    if level is not None and level not in allowed:
        raise UsageError(
            f"{compression} has no level {level}",
            hint=f"From {allowed.start} to {allowed.stop - 1}.",
        )


def _attempt(
    task: _Task, scratch: Path, started_at: float, is_immutable: bool, *, spares: bool = True
) -> PushResult:
    """Push once. ``spares``: without what the store has already and letting layers leave early;
    raises NotAsHeld or _Vanished where that went wrong."""
    store, observer = task.depot.store, task.observer
    holdings = None
    if spares and not task.is_forced:
        holdings = StoreHoldings(store, task.target.image, task.compression, user_cache())
    outflow = Outflow(
        task.depot.engine,
        task.upload,
        lambda blob: not task.is_forced and task.is_there(blob.digest, blob.size),
        observer,
        task.cancel,
    )
    with Staging(scratch) as staging, outflow:
        packing = Packing(task.compression, task.level, holdings, outflow if spares else None)
        with Phase("save", observer):
            image = open_source(
                task.source,
                staging=staging,
                packing=packing,
                platforms=task.platforms,
                observer=observer,
            )
        if image.held:
            spared = f"{len(image.held)} of its blobs are in the store: neither kept nor compressed"
            observer(Note(spared, level=1))
        outgoing = outgoing_of(image, staging, outflow.offered)
        here = [blob for blob in outgoing.blobs if blob.digest in outgoing.files]
        missing = here if task.is_forced else _missing(task, here)
        report = outflow.finish([task.upload(outgoing.files[blob.digest]) for blob in missing])
        with Phase("publish", observer):
            publication = Publication(
                task.target.image,
                task.target.tag,
                image.root.raw,
                outgoing.blobs,
                is_immutable,
                outflow.moved,
                started_at,
            )
            restored = _publish(task, outgoing, publication)
        return _result(task, outgoing, outflow.moved | restored, report, started_at)


def _publish(task: _Task, outgoing: Outgoing, publication: Publication) -> set[Digest]:
    """Write the tag; what is cleaned away meanwhile is uploaded (again). Gives its digests."""

    def restore(gone: Sequence[Descriptor]) -> None:
        if any(blob.digest not in outgoing.files for blob in gone):
            raise _Vanished("what was cleaned away has to be made once more")
        uploads = [task.upload(outgoing.files[blob.digest]) for blob in gone]
        task.depot.engine.upload(uploads, task.observer, task.cancel)

    return publish(task.depot.store, publication, restore, task.observer)


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


def _missing(task: _Task, blobs: Sequence[Descriptor]) -> list[Descriptor]:
    """Blobs that are not there with the right size."""
    if not blobs:
        return []
    there = abreast(lambda blob: task.is_there(blob.digest, blob.size), blobs, _LOOKS_AT_A_TIME)
    return [blob for blob, is_there in zip(blobs, there, strict=True) if not is_there]


def _result(
    task: _Task,
    outgoing: Outgoing,
    moved: Collection[Digest],
    report: EngineReport,
    started_at: float,
) -> PushResult:
    pushed = tuple(
        PushedBlob(str(blob.digest), blob.size, blob.media_type, blob.digest in moved)
        for blob in outgoing.blobs
    )
    return PushResult(
        reference=str(task.target),
        digest=str(outgoing.image.root.digest),
        platform=", ".join(map(str, platforms_of(task.depot.store, outgoing.image))),
        blobs=pushed,
        bytes=sum(blob.size for blob in pushed),
        bytes_uploaded=sum(blob.size for blob in pushed if blob.uploaded),
        seconds=time.monotonic() - started_at,
        engine=report,
    )
