"""The parallel engine: coordinator, workers and verifier put together, for S3 and local stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from queue import SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from s3lo.engine.backend import Backend, BackendConfig, LocalConfig, SocketConfig
from s3lo.engine.backends import make_backend
from s3lo.engine.backends.sockets import SocketBackend
from s3lo.engine.coordinator import Coordinator, CredentialsSource, Message, Work
from s3lo.engine.downloads import Downloads
from s3lo.engine.feed import Feed
from s3lo.engine.machine import Machine, peak_rss_bytes, read_machine
from s3lo.engine.options import EngineOptions
from s3lo.engine.plan import MIN_UPLOAD_PART_BYTES
from s3lo.engine.pool import InProcessWorker, Pool, Worker
from s3lo.engine.proxies import is_proxied
from s3lo.engine.report import EngineReport
from s3lo.engine.settings import EngineSettings, check, choose
from s3lo.engine.socket_wire import SocketWire
from s3lo.engine.transfers import Download, Upload
from s3lo.engine.undisturbed import undisturbed
from s3lo.engine.uploads import Uploads
from s3lo.engine.verifier import Verifier
from s3lo.events import Note, Observer
from s3lo.model.objects import Endpoint

if TYPE_CHECKING:  # awscrt takes a tenth of a second to import, and a pull may not need it
    from s3lo.engine.native import NativeWire

Means = Literal["sockets", "native", "local"]
"""What moves the bytes: sockets of our own, awscrt's client, or the kernel between two files."""


def receives_on_sockets(options: EngineOptions, endpoint: Endpoint) -> bool:
    """Unless another client was asked for, or has to be: a proxy is awscrt's."""
    return options.backend == "auto" and not is_proxied(endpoint)


class _Course(Struct, frozen=True):
    """How one transfer is gone about."""

    means: Means
    settings: EngineSettings
    make_work: Callable[[Verifier], Work]
    fed_by: Iterable[Upload] | None = None
    """What gives the work more to do while it is under way."""


class ParallelEngine:
    """Moves blobs between one bucket (through ``wire``) or local store and files."""

    def __init__(
        self,
        source: NativeWire | SocketWire | LocalConfig,
        options: EngineOptions,
        machine: Machine | None = None,
    ) -> None:
        self._source = source
        self._options = options
        self._machine = machine

    def download(
        self,
        blobs: Sequence[Download],
        observer: Observer,
        cancel: Event | None = None,
        *,
        in_order: bool = False,
    ) -> EngineReport:
        means = self._means_to_receive()
        on_sockets = means == "sockets"
        total_bytes = sum(blob.size for blob in blobs)
        settings = self._settings(total_bytes, self._options.part_size_bytes, receives=on_sockets)

        def make_work(verifier: Verifier) -> Work:
            return Downloads(
                blobs, settings, verifier, observer, on_sockets=on_sockets, in_order=in_order
            )

        return self._run(_Course(means, settings, make_work), observer, cancel)

    def upload(
        self,
        blobs: Iterable[Upload],
        observer: Observer,
        cancel: Event | None = None,
        *,
        expected_bytes: int | None = None,
    ) -> EngineReport:
        check(self._options)
        asked = self._options.part_size_bytes
        at_least = asked and max(asked, MIN_UPLOAD_PART_BYTES)
        known = blobs if isinstance(blobs, Sequence) else None
        total_bytes = expected_bytes if known is None else sum(blob.size for blob in known)
        settings = self._settings(total_bytes, at_least, receives=False)

        def make_work(verifier: Verifier) -> Work:
            more_come = known is None
            return Uploads(known or (), settings, verifier, observer, more_come=more_come)

        means: Means = "local" if isinstance(self._source, LocalConfig) else "native"
        course = _Course(means, settings, make_work, fed_by=blobs if known is None else None)
        return self._run(course, observer, cancel)

    def _means_to_receive(self) -> Means:
        if isinstance(self._source, LocalConfig):
            return "local"
        if isinstance(self._source, SocketWire):
            return "sockets"
        on_sockets = receives_on_sockets(self._options, self._source.endpoint)
        return "sockets" if on_sockets else "native"

    def _settings(
        self, total_bytes: int | None, part_size_bytes: int | None, *, receives: bool
    ) -> EngineSettings:
        self._machine = self._machine or read_machine(self._options.interfaces)
        options = replace(self._options, part_size_bytes=part_size_bytes)
        if isinstance(self._source, LocalConfig) or total_bytes == 0:
            # Copies between files gain nothing from processes: they never hold the GIL.
            options = replace(options, processes=0)
        return choose(options, self._machine, total_bytes, receives=receives)

    def _run(self, course: _Course, observer: Observer, cancel: Event | None) -> EngineReport:
        stop = Event()

        def is_cancelled() -> bool:
            return stop.is_set() or (cancel is not None and cancel.is_set())

        return undisturbed(lambda: self._move(course, observer, is_cancelled), stop.set)

    def _move(
        self, course: _Course, observer: Observer, is_cancelled: Callable[[], bool]
    ) -> EngineReport:
        settings = course.settings
        for reason in settings.reasons:
            observer(Note(reason, level=1))
        inbox: SimpleQueue[Message] = SimpleQueue()
        pool = Pool(self._worker_factory(course, inbox), max(1, settings.processes))
        verifier = Verifier(settings.cpus, inbox.put)
        feed = None if course.fed_by is None else Feed(course.fed_by, inbox.put)
        workers_peak = 0
        try:
            coordinator = Coordinator(
                settings, pool, inbox, self._credentials(), is_cancelled, observer
            )
            work = course.make_work(verifier)
            if feed:
                feed.start()
            coordinator.run(work)
        finally:
            if feed:
                feed.stop()
            verifier.close()
            workers_peak = pool.close()
        return _report(course, coordinator, workers_peak)

    def _worker_factory(
        self, course: _Course, inbox: SimpleQueue[Message]
    ) -> Callable[[int], Worker]:
        if course.settings.processes:
            from s3lo.engine.worker_process import ProcessWorker

            return lambda number: ProcessWorker(number, self._config(course), inbox.put)
        own, owns_it = self._own_backend(course)
        return lambda _: InProcessWorker(own, inbox.put, owns_backend=owns_it)

    def _own_backend(self, course: _Course) -> tuple[Backend, bool]:
        """This process's, on connections that are open already; and whether it ends with the
        transfer."""
        config = self._config(course)
        if isinstance(self._source, SocketWire):
            assert isinstance(config, SocketConfig)
            return SocketBackend(config, self._source.hand_over()), True
        if course.means != "native" or isinstance(self._source, LocalConfig):
            return make_backend(config), True
        from s3lo.engine.backends.native import NativeBackend

        return NativeBackend(self._source.client_for(course.settings), self._source.endpoint), False

    def _config(self, course: _Course) -> BackendConfig:
        """Of one worker, as things are now: a worker that takes another's place needs credentials
        that are still good."""
        if isinstance(self._source, LocalConfig):
            return self._source
        settings = course.settings
        if course.means == "native" and not isinstance(self._source, SocketWire):
            return self._source.config(settings)
        threads = max(1, settings.cpus // max(1, settings.processes))
        return SocketConfig(
            self._source.endpoint,
            self._source.credentials(),
            threads,
            self._options.interfaces,
            self._options.direct_io,
        )

    def _credentials(self) -> CredentialsSource:
        return (lambda: None) if isinstance(self._source, LocalConfig) else self._source.credentials


def _report(course: _Course, coordinator: Coordinator, workers_peak: int) -> EngineReport:
    settings = course.settings
    return EngineReport(
        mode="processes" if settings.processes else "serial",
        backend=course.means,
        processes=settings.processes,
        part_size=settings.part_size_bytes,
        max_in_flight_reached=coordinator.ledger.peak,
        target_gbps=settings.target_gbps,
        target_source=settings.target_source,
        throttled=coordinator.pace.throttled,
        retries=coordinator.retries.retries,
        peak_rss_bytes=peak_rss_bytes() + workers_peak,
    )
