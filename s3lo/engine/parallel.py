"""The parallel engine: coordinator, workers and verifier put together, for S3 and local stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from queue import SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from s3lo.engine.audit import Audit
from s3lo.engine.backend import Backend, BackendConfig, LocalConfig, SocketConfig
from s3lo.engine.backends import make_backend
from s3lo.engine.coordinator import Coordinator, CredentialsSource, Message
from s3lo.engine.downloads import Downloads
from s3lo.engine.machine import Machine, peak_rss_bytes, read_machine
from s3lo.engine.options import EngineOptions
from s3lo.engine.pool import InProcessWorker, Pool, Worker
from s3lo.engine.report import EngineReport
from s3lo.engine.settings import EngineSettings, check, choose
from s3lo.engine.sockets.backend import SocketBackend
from s3lo.engine.sockets.wire import SocketWire
from s3lo.engine.transfers import Download, Stored, Upload
from s3lo.engine.undisturbed import undisturbed
from s3lo.engine.upload import crc64
from s3lo.engine.upload.feed import Feed
from s3lo.engine.upload.uploads import Uploads
from s3lo.engine.verifier import Verifier
from s3lo.engine.work import Work
from s3lo.engine.write_behind import WriteBehind, early_bytes, read_dirty_room
from s3lo.errors import S3loError
from s3lo.events import Note, Observer
from s3lo.model.part_sizes import MIN_PART_BYTES

if TYPE_CHECKING:  # awscrt takes a tenth of a second to import, and is seldom needed
    from s3lo.engine.crt.wire import NativeWire

Means = Literal["sockets", "native", "local"]
"""What moves the bytes: sockets of our own, awscrt's client, or the kernel between two files."""
_MUCH_WRITTEN_BYTES = 64 << 20
"""Less is soon written wherever it waits, and a small pull has no time to look."""


class _Course(Struct, frozen=True):
    """How one transfer is gone about."""

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
        total_bytes = sum(blob.size for blob in blobs)
        settings = self._settings(total_bytes, self._options.part_size_bytes, sends=False)
        missing_bytes = sum(blob.missing_bytes for blob in blobs)
        behind = self._write_behind(missing_bytes, settings, in_order=in_order)

        def make_work(verifier: Verifier) -> Work:
            return Downloads(
                blobs,
                settings,
                verifier,
                observer,
                on_sockets=self._on_sockets,
                in_order=in_order,
                behind=behind,
            )

        try:
            return self._run(_Course(settings, make_work), observer, cancel)
        finally:
            behind.close()

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
        at_least = asked and max(asked, MIN_PART_BYTES)
        known = blobs if isinstance(blobs, Sequence) else None
        total_bytes = expected_bytes if known is None else sum(blob.size for blob in known)
        settings = self._settings(total_bytes, at_least, sends=True)
        if known and self._on_sockets and not settings.processes:
            _prepare(known, settings)

        def make_work(verifier: Verifier) -> Work:
            return Uploads(
                known or (),
                settings,
                verifier,
                observer,
                on_sockets=self._on_sockets,
                more_come=known is None,
                resumes=self._means != "local",
            )

        course = _Course(settings, make_work, fed_by=blobs if known is None else None)
        return self._run(course, observer, cancel)

    def audit(
        self,
        blobs: Iterable[Stored],
        told: Callable[[Stored, S3loError], None],
        observer: Observer,
        cancel: Event | None = None,
        *,
        total_bytes: int | None = None,
    ) -> EngineReport:
        settings = self._settings(total_bytes, self._options.part_size_bytes, sends=False)

        def make_work(_: Verifier) -> Work:
            return Audit(
                blobs,
                settings,
                told,
                observer,
                # What lies in files comes as fast as it is hashed: nothing is won by reading ahead.
                reads_ahead=self._means != "local",
                on_sockets=self._on_sockets,
            )

        return self._run(_Course(settings, make_work), observer, cancel)

    @property
    def _means(self) -> Means:
        if isinstance(self._source, LocalConfig):
            return "local"
        return "sockets" if isinstance(self._source, SocketWire) else "native"

    @property
    def _on_sockets(self) -> bool:
        return self._means == "sockets"

    def _settings(
        self, total_bytes: int | None, part_size_bytes: int | None, *, sends: bool
    ) -> EngineSettings:
        self._machine = self._machine or read_machine(self._options.interfaces)
        options = replace(self._options, part_size_bytes=part_size_bytes)
        if isinstance(self._source, LocalConfig) or total_bytes == 0:
            # Copies between files gain nothing from processes: they never hold the GIL.
            options = replace(options, processes=0)
        return choose(options, self._machine, total_bytes, on_sockets=self._on_sockets, sends=sends)

    def _write_behind(
        self, written_bytes: int, settings: EngineSettings, *, in_order: bool
    ) -> WriteBehind:
        """Of use where more comes than the disk takes meanwhile, and stays: hashed, 4 x 1 GiB took 1.04 of
        the time with it; what is wanted in order is taken from its files, and goes with them."""
        is_slow = settings.verify or self._options.direct_io
        if is_slow or in_order or written_bytes < _MUCH_WRITTEN_BYTES or not self._machine:
            return WriteBehind()
        room = read_dirty_room(self._machine.memory_bytes)
        return (
            WriteBehind(early_bytes(written_bytes, room), room.quiet_bytes)
            if room
            else WriteBehind()
        )

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
        pool = Pool(self._worker_factory(settings, inbox), max(1, settings.processes))
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
        return _report(self._means, settings, coordinator, work, workers_peak)

    def _worker_factory(
        self, settings: EngineSettings, inbox: SimpleQueue[Message]
    ) -> Callable[[int], Worker]:
        if settings.processes:
            from s3lo.engine.worker_process import ProcessWorker

            return lambda number: ProcessWorker(number, self._config(settings), inbox.put)
        own, owns_it = self._own_backend(settings)
        return lambda _: InProcessWorker(own, inbox.put, owns_backend=owns_it)

    def _own_backend(self, settings: EngineSettings) -> tuple[Backend, bool]:
        """This process's, on connections that are open already; and whether it ends with the
        transfer."""
        if isinstance(self._source, LocalConfig):
            threads = max(self._source.threads, settings.cpus)
            return make_backend(replace(self._source, threads=threads)), True
        if isinstance(self._source, SocketWire):
            config = self._socket_config(self._source, settings)
            return SocketBackend(config, self._source.hand_over()), True
        from s3lo.engine.crt.backend import NativeBackend

        return NativeBackend(self._source.client_for(settings), self._source.endpoint), False

    def _config(self, settings: EngineSettings) -> BackendConfig:
        """Of one worker, as things are now: a worker that takes another's place needs credentials
        that are still good."""
        if isinstance(self._source, LocalConfig):
            return self._source
        if isinstance(self._source, SocketWire):
            return self._socket_config(self._source, settings)
        return self._source.config(settings)

    def _socket_config(self, wire: SocketWire, settings: EngineSettings) -> SocketConfig:
        threads = max(1, settings.cpus // max(1, settings.processes))
        return SocketConfig(
            wire.endpoint,
            wire.credentials(),
            threads,
            self._options.interfaces,
            self._options.direct_io,
        )

    def _credentials(self) -> CredentialsSource:
        return (lambda: None) if isinstance(self._source, LocalConfig) else self._source.credentials


def _prepare(blobs: Sequence[Upload], settings: EngineSettings) -> None:
    """Import what parts will need before the tuner looks at the CPUs: it once took the time of that
    for the limit, and went on with two parts over slow connections."""
    if max(blob.size for blob in blobs) > settings.part_size_bytes:
        crc64.is_known()


def _report(
    means: Means,
    settings: EngineSettings,
    coordinator: Coordinator,
    work: Work,
    workers_peak: int,
) -> EngineReport:
    return EngineReport(
        mode="processes" if settings.processes else "serial",
        backend=means,
        processes=settings.processes,
        part_size=settings.part_size_bytes,
        max_in_flight_reached=coordinator.ledger.peak,
        target_gbps=settings.target_gbps,
        target_source=settings.target_source,
        throttled=coordinator.pace.throttled,
        retries=coordinator.retries.retries,
        peak_rss_bytes=peak_rss_bytes() + workers_peak,
        reused_bytes=work.reused_bytes,
    )
