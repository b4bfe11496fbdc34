"""The parallel engine: coordinator, workers and verifier put together, for S3 and local stores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from queue import SimpleQueue
from threading import Event

from s3lo.engine.backend import BackendConfig, LocalConfig
from s3lo.engine.backends import make_backend
from s3lo.engine.coordinator import Coordinator, CredentialsSource, Message, Work
from s3lo.engine.downloads import Downloads
from s3lo.engine.machine import Machine, peak_rss_bytes, read_machine
from s3lo.engine.native import NativeWire
from s3lo.engine.options import EngineOptions
from s3lo.engine.plan import MIN_UPLOAD_PART_BYTES
from s3lo.engine.pool import InProcessWorker, Pool, ProcessWorker, Worker
from s3lo.engine.report import EngineReport
from s3lo.engine.settings import EngineSettings, check, choose
from s3lo.engine.transfers import Download, Upload
from s3lo.engine.undisturbed import undisturbed
from s3lo.engine.uploads import Uploads
from s3lo.engine.verifier import Verifier
from s3lo.events import Note, Observer

MakeWork = Callable[[EngineSettings, Verifier], Work]


class ParallelEngine:
    """Moves blobs between one bucket (through ``wire``) or local store and files."""

    def __init__(
        self,
        source: NativeWire | LocalConfig,
        options: EngineOptions,
        machine: Machine | None = None,
    ) -> None:
        self._source = source
        self._options = options
        self._machine = machine

    def download(
        self, blobs: Sequence[Download], observer: Observer, cancel: Event | None = None
    ) -> EngineReport:
        settings = self._settings(sum(blob.size for blob in blobs), self._options.part_size_bytes)
        return self._run(settings, lambda s, v: Downloads(blobs, s, v, observer), observer, cancel)

    def upload(
        self, blobs: Sequence[Upload], observer: Observer, cancel: Event | None = None
    ) -> EngineReport:
        check(self._options)
        asked = self._options.part_size_bytes
        at_least = asked and max(asked, MIN_UPLOAD_PART_BYTES)
        settings = self._settings(sum(blob.size for blob in blobs), at_least)
        return self._run(settings, lambda s, v: Uploads(blobs, s, v, observer), observer, cancel)

    def _settings(self, total_bytes: int, part_size_bytes: int | None) -> EngineSettings:
        self._machine = self._machine or read_machine()
        options = replace(self._options, part_size_bytes=part_size_bytes)
        if isinstance(self._source, LocalConfig) or total_bytes == 0:
            # Copies between files gain nothing from processes: they never hold the GIL.
            options = replace(options, processes=0)
        return choose(options, self._machine, total_bytes)

    def _run(
        self,
        settings: EngineSettings,
        make_work: MakeWork,
        observer: Observer,
        cancel: Event | None,
    ) -> EngineReport:
        stop = Event()

        def is_cancelled() -> bool:
            return stop.is_set() or (cancel is not None and cancel.is_set())

        return undisturbed(
            lambda: self._move(settings, make_work, observer, is_cancelled), stop.set
        )

    def _move(
        self,
        settings: EngineSettings,
        make_work: MakeWork,
        observer: Observer,
        is_cancelled: Callable[[], bool],
    ) -> EngineReport:
        for reason in settings.reasons:
            observer(Note(reason, level=1))
        inbox: SimpleQueue[Message] = SimpleQueue()
        pool = Pool(self._worker_factory(settings, inbox), max(1, settings.processes))
        verifier = Verifier(settings.hash_threads, inbox.put)
        workers_peak = 0
        try:
            coordinator = Coordinator(settings, pool, inbox, self._credentials(), is_cancelled)
            coordinator.run(make_work(settings, verifier))
        finally:
            verifier.close()
            workers_peak = pool.close()
        return self._report(settings, coordinator, workers_peak)

    def _worker_factory(
        self, settings: EngineSettings, inbox: SimpleQueue[Message]
    ) -> Callable[[int], Worker]:
        if settings.processes:
            return lambda number: ProcessWorker(number, self._config(settings), inbox.put)
        if isinstance(self._source, LocalConfig):
            local = make_backend(self._source)
            return lambda _: InProcessWorker(local, inbox.put, owns_backend=True)
        from s3lo.engine.backends.native import NativeBackend

        shared = NativeBackend(self._source.client_for(settings), self._source.endpoint)
        return lambda _: InProcessWorker(shared, inbox.put, owns_backend=False)

    def _config(self, settings: EngineSettings) -> BackendConfig:
        assert isinstance(self._source, NativeWire)
        return self._source.config(settings)

    def _credentials(self) -> CredentialsSource:
        return (lambda: None) if isinstance(self._source, LocalConfig) else self._source.credentials

    def _report(
        self, settings: EngineSettings, coordinator: Coordinator, workers_peak: int
    ) -> EngineReport:
        return EngineReport(
            mode="processes" if settings.processes else "serial",
            backend="local" if isinstance(self._source, LocalConfig) else "native",
            processes=settings.processes,
            part_size=settings.part_size_bytes,
            max_in_flight_reached=coordinator.ledger.peak,
            target_gbps=settings.target_gbps,
            target_source=settings.target_source,
            throttled=coordinator.window.throttled,
            retries=coordinator.retries.retries,
            peak_rss_bytes=peak_rss_bytes() + workers_peak,
        )
