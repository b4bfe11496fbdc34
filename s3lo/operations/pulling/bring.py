"""Bring: an image's blobs through the engine, and then, or meanwhile, to where it is to be."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

from msgspec import Struct

from s3lo import errors
from s3lo.engine.report import EngineReport
from s3lo.engine.transfers import Download
from s3lo.errors import NotFoundError
from s3lo.events import Note, Observer
from s3lo.model import media_types
from s3lo.model.digest import Digest
from s3lo.model.documents import parse_config
from s3lo.model.platform import Platform
from s3lo.operations.absence import absent_blob
from s3lo.operations.beside import Linked, beside
from s3lo.operations.depot import Depot
from s3lo.operations.phase import Phase
from s3lo.operations.pulling.arrivals import Arrivals
from s3lo.operations.pulling.delivery import Delivery
from s3lo.transports.image import PulledImage


def bring(what: Bringing, delivery: Delivery, observer: Observer, cancel: Event | None) -> Brought:
    """Transfer and deliver; an absent blob is told as the damage that it is."""
    how = _while_loading if delivery.follows else _then_load
    return how(what, delivery, observer, cancel)


class Bringing(Struct, frozen=True):
    """What is to be brought: some blobs of an image, the others being ``known``.

    ``wanted`` is the platform that was asked for.
    """

    depot: Depot
    downloads: Sequence[Download]
    image: PulledImage
    known: frozenset[Digest]
    wanted: Platform | None = None

    @property
    def total_bytes(self) -> int:
        """What is to be moved."""
        return sum(each.missing_bytes for each in self.downloads)


class Brought(Struct, frozen=True):
    platform: str
    destination: str
    engine: EngineReport
    transfer_seconds: float
    load_seconds: float


def _then_load(
    what: Bringing, delivery: Delivery, observer: Observer, cancel: Event | None
) -> Brought:
    with Phase("transfer", observer, what.total_bytes) as transferring:
        report = _download(what, observer, cancel)
    platform = _platform_of(what.image, what.wanted, observer)
    with Phase("load", observer) as loading:
        destination = delivery.deliver(what.image, what.known)
    return Brought(platform, destination, report, transferring.seconds, loading.seconds)


def _while_loading(
    what: Bringing, delivery: Delivery, observer: Observer, cancel: Event | None
) -> Brought:
    """Deliver from the first blob on, in a thread that a signal reaches, and transfer beside it."""
    arrivals = Arrivals(observer, what.downloads)
    stop = Linked(cancel)
    transferring = Phase("transfer", arrivals.observe, what.total_bytes)

    def download() -> EngineReport:
        with transferring:
            return _download(what, arrivals.observe, stop, in_order=True)

    with beside(download, stop, arrivals.end) as report:
        with Phase("load", arrivals.observe) as loading:
            destination = delivery.deliver(what.image, what.known, arrivals)
        engine = report()
        platform = _platform_of(what.image, what.wanted, arrivals.observe)
        return Brought(platform, destination, engine, transferring.seconds, loading.seconds)


def _download(
    what: Bringing, observer: Observer, cancel: Event | None, *, in_order: bool = False
) -> EngineReport:
    try:
        return what.depot.engine.download(what.downloads, observer, cancel, in_order=in_order)
    except NotFoundError as error:
        needed = [blob.digest for blob in what.downloads]
        raise absent_blob(what.depot.store, needed, error) from error


def _platform_of(image: PulledImage, wanted: Platform | None, observer: Observer) -> str:
    """What the image's config says it runs on, with a note where that is not this host.

    Empty for an artifact that is no image.
    """
    config = image.manifest.config
    if config.media_type not in media_types.CONFIGS:
        return ""
    try:
        platform = parse_config(image.path(config.digest).read_bytes()).platform
    except OSError as error:
        raise errors.from_os(error, "reading") from error
    if wanted is None and not platform.satisfies(Platform.host()):
        observer(Note(f"the image is for {platform}; this host is {Platform.host()}"))
    return str(platform)
