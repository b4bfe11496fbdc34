"""push: an image from Docker, a layout or an archive into a store. Blobs first, the tag last.

source ──► layers the store has: passed over        (StoreHoldings)
       ──► others: hashed, compressed ──► uploaded while the next is made   (Outflow)
       ──► what came compressed already, config, manifests: looked for, uploaded
then the tag, and a second look at all that it needs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from threading import Event

from msgspec import Struct

from s3lo import errors
from s3lo.bucket.options import ConnectionOptions, StorageOptions
from s3lo.engine.options import EngineOptions
from s3lo.engine.report import EngineReport
from s3lo.engine.transfers import Upload
from s3lo.errors import UsageError
from s3lo.events import Note, Observer, ignore
from s3lo.files import scratch_directory
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor
from s3lo.model.platform import Platform
from s3lo.operations.depot import opened
from s3lo.operations.landing import Landing, parse_landing, tell_new_store
from s3lo.operations.phase import Phase, cancellable, one_at_a_time
from s3lo.operations.publication import Publication, publish
from s3lo.operations.pushing.holdings import StoreHoldings
from s3lo.operations.pushing.layer_cache import user_cache
from s3lo.operations.pushing.outflow import Outflow
from s3lo.operations.pushing.outgoing import Outgoing, outgoing_of, platforms_of
from s3lo.operations.results import PushedBlob, PushResult
from s3lo.staging import Staging
from s3lo.transports.image import BlobFile, Compression
from s3lo.transports.packing import LEVELS, Packing, ReadAgain
from s3lo.transports.source import Source, open_source, parse_source

_NO_CONNECTION = ConnectionOptions()
_NO_ENGINE = EngineOptions()
_NO_STORAGE = StorageOptions()


class _Task(Struct, frozen=True):
    """What was asked for."""

    landing: Landing
    source: Source
    platforms: tuple[Platform, ...]
    compression: Compression
    level: int | None
    observer: Observer
    cancel: Event | None

    def upload(self, file: BlobFile, stored: Callable[[int, int], None] | None = None) -> Upload:
        return self.landing.upload(
            file.digest,
            file.size,
            file.path,
            file.offset,
            is_verified=file.is_verified,
            stored=stored,
        )


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
        target = parse_landing(reference)
        parsed = parse_source(source)
        wanted = _wanted(platform)
        _check_level(compression, compression_level)
        tell_new_store(target.location, observer)
        with opened(target.location, connection, engine, storage) as depot:
            landing = Landing(depot, target, force, storage)
            is_immutable = landing.check_rules(observer)
            task = _Task(
                landing,
                parsed,
                wanted,
                compression,
                compression_level,
                one_at_a_time(observer),
                cancel,
            )
            try:
                return _attempt(task, scratch_directory(tmpdir), started_at, is_immutable)
            except (ReadAgain, _Vanished) as reason:
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
    raises ReadAgain or _Vanished where that went wrong."""
    landing, observer = task.landing, task.observer
    holdings = None
    if spares and not landing.is_forced:
        image_name = landing.target.image
        holdings = StoreHoldings(landing.store, image_name, task.compression, user_cache())
    outflow = Outflow(
        landing.engine,
        task.upload,
        lambda blob: not landing.is_forced and landing.is_there(blob.digest, blob.size),
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
        missing = here if landing.is_forced else landing.missing(here)
        report = outflow.finish([task.upload(outgoing.files[blob.digest]) for blob in missing])
        with Phase("publish", observer):
            publication = Publication(
                landing.target.image,
                landing.target.tag,
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
        task.landing.engine.upload(uploads, task.observer, task.cancel)

    return publish(task.landing.store, publication, restore, task.observer)


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
        reference=str(task.landing.target),
        digest=str(outgoing.image.root.digest),
        platform=", ".join(map(str, platforms_of(task.landing.store, outgoing.image))),
        blobs=pushed,
        bytes=sum(blob.size for blob in pushed),
        bytes_uploaded=sum(blob.size for blob in pushed if blob.uploaded),
        seconds=time.monotonic() - started_at,
        engine=report,
    )
