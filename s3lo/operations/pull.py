"""pull: an image from a store, verified, into an OCI layout, Docker or an archive."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event

from msgspec import Struct

from s3lo import errors, files
from s3lo.bucket import keys
from s3lo.bucket.local import is_store
from s3lo.bucket.options import ConnectionOptions
from s3lo.bucket.store import Store
from s3lo.engine.options import EngineOptions
from s3lo.engine.report import EngineReport
from s3lo.engine.transfers import Download
from s3lo.events import Observer, ignore
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor, ImageConfig, Manifest, parse_config
from s3lo.model.platform import Platform
from s3lo.model.reference import ImageReference, parse_image_reference
from s3lo.operations.depot import Depot, opened
from s3lo.operations.phase import Phase, cancellable, one_at_a_time
from s3lo.operations.pulling.bring import Bringing, bring
from s3lo.operations.pulling.delivery import Delivery, delivery_to
from s3lo.operations.pulling.journal import Journal
from s3lo.operations.resolve import read_document, resolve
from s3lo.operations.results import Phases, PulledBlob, PullResult
from s3lo.transports.image import PulledImage

_NO_CONNECTION = ConnectionOptions()
_NO_ENGINE = EngineOptions()


class _Asked(Struct, frozen=True):
    """What is to be pulled, and to where."""

    source: ImageReference
    wanted: Platform | None
    delivery: Delivery
    verifies: bool


class _Pulled(Struct, frozen=True):
    """What came of a pull, before it is told."""

    manifest: Manifest
    moved_bytes: Mapping[Digest, int]
    """Of each blob that was not there at all, or not whole."""
    platform: str
    destination: str
    phases: Phases
    engine: EngineReport


def pull(
    reference: str,
    image_tag: str = "",
    *,
    to: str = "docker",
    platform: str | None = None,
    force: bool = False,
    connection: ConnectionOptions = _NO_CONNECTION,
    engine: EngineOptions = _NO_ENGINE,
    tmpdir: Path | None = None,
    observer: Observer = ignore,
    cancel: Event | None = None,
) -> PullResult:
    """Bring an image from a store to ``docker``, ``oci:DIR``, or an archive
    (``oci-archive:FILE``, ``docker-archive:FILE``).

    ``image_tag`` is what it is called there (default: as in the store). Every blob is verified
    before anything of the image is visible. ``force`` replaces an existing destination. Raises the
    errors of ``s3lo.errors``; after any of them the destination is as it was.
    """
    started_at = time.monotonic()
    observer = one_at_a_time(cancellable(observer, cancel))
    with errors.context("pulling", reference):
        source = parse_image_reference(reference, is_store)
        wanted = Platform.parse(platform) if platform else None
        name = image_tag or _default_name(source)
        with (
            opened(source.location, connection, engine) as depot,
            delivery_to(to, name, force, tmpdir, observer) as delivery,
        ):
            asked = _Asked(source, wanted, delivery, verifies=engine.verify != "none")
            pulled = _pull(depot, asked, observer, cancel)
        return _result(source, pulled, started_at)


def _default_name(source: ImageReference) -> str:
    """What the image is called in Docker: as in the store, and nothing if it was named by digest."""
    return "" if source.digest else source.name


def _pull(depot: Depot, asked: _Asked, observer: Observer, cancel: Event | None) -> _Pulled:
    delivery = asked.delivery
    with Phase("resolve", observer) as resolving:
        delivery.check()
        manifest = resolve(depot.store, asked.source, asked.wanted)
        known = delivery.known(manifest, lambda: _config(depot.store, manifest))
    needed = [blob for blob in manifest.blobs if blob.digest not in known]
    # What no digest proves is never gone on with, so nothing is noted of it.
    staging = delivery.staging(manifest.digest.hex if asked.verifies else "")
    with staging as directory:
        blobs_dir = directory / "blobs" / "sha256"
        _make(blobs_dir)
        image = PulledImage(manifest, blobs_dir)
        journal = Journal(staging.notes, manifest.blobs, observer) if asked.verifies else None
        downloads = [_download_of(blob, image, journal) for blob in needed]
        what = Bringing(depot, downloads, image, known, asked.wanted)
        files.require_free_space(directory, what.total_bytes)
        brought = bring(what, delivery, journal.observe if journal else observer, cancel)
    phases = Phases(resolving.seconds, brought.transfer_seconds, brought.load_seconds)
    moved = {
        each.digest: each.missing_bytes
        for each in downloads
        if each.missing_bytes or not each.present
    }
    return _Pulled(manifest, moved, brought.platform, brought.destination, phases, brought.engine)


def _download_of(blob: Descriptor, image: PulledImage, journal: Journal | None) -> Download:
    """``journal`` says what is there; without one, which is without a digest to prove it, nothing."""
    path = image.path(blob.digest)
    present = journal.present(blob, path) if journal else ()
    return Download(blob.digest, blob.size, keys.blob_key(blob.digest), path, present)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.from_os(error, "making") from error


def _config(store: Store, manifest: Manifest) -> ImageConfig:
    return parse_config(read_document(store, manifest.config), manifest.config.media_type)


def _result(source: ImageReference, pulled: _Pulled, started_at: float) -> PullResult:
    blobs: Sequence[PulledBlob] = [
        PulledBlob(str(blob.digest), blob.size, blob.digest in pulled.moved_bytes)
        for blob in pulled.manifest.blobs
    ]
    moved = sum(pulled.moved_bytes.values())
    seconds = pulled.phases.transfer
    return PullResult(
        reference=str(source),
        digest=str(pulled.manifest.digest),
        platform=pulled.platform,
        destination=pulled.destination,
        image_id=str(pulled.manifest.config.digest),
        blobs=tuple(blobs),
        bytes=sum(blob.size for blob in blobs),
        bytes_transferred=moved,
        seconds=time.monotonic() - started_at,
        phases=pulled.phases,
        gbps=moved * 8 / 1e9 / seconds if seconds else 0.0,
        engine=pulled.engine,
    )
