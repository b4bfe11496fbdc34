"""The s3transfer engine: whole objects through s3transfer, where the native client cannot serve.

Slower, and behind the same interface: what is downloaded is hashed as it is written, what is
uploaded is hashed before, since s3transfer completes an upload by itself. The client is the
caller's (``bucket`` knows how to make one), so that nothing here imports boto3.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any

from msgspec import Struct

from s3lo.abreast import abreast
from s3lo.engine.file_digest import require_digest
from s3lo.engine.jobs import Headers
from s3lo.engine.machine import peak_rss_bytes, read_machine
from s3lo.engine.options import EngineOptions
from s3lo.engine.report import EngineReport
from s3lo.engine.settings import EngineSettings, choose
from s3lo.engine.transfers import Download, Stored, Upload
from s3lo.engine.upload.feed import Fed, Feed, NoMore, Offered
from s3lo.engine.whole_files import Incoming, Sink, Source
from s3lo.errors import (
    Interrupted,
    S3loError,
    ServiceError,
    from_os,
)
from s3lo.events import BlobDone, BytesMoved, Observer
from s3lo.model import s3_errors
from s3lo.model.objects import Response
from s3lo.model.part_sizes import upload_part_bytes
from s3lo.model.s3_errors import InvalidStorageClass

MAX_THREADS = 64
_CHUNK_BYTES = 1 << 20
_POLL_SECONDS = 0.2


class WholeObjectEngine:
    """An Engine over ``s3transfer.TransferManager`` and the botocore S3 client that
    ``make_client`` returns when first needed."""

    def __init__(self, make_client: Callable[[], Any], bucket: str, options: EngineOptions) -> None:
        self._make_client = make_client
        self._bucket = bucket
        self._options = options

    def download(
        self,
        blobs: Sequence[Download],
        observer: Observer,
        cancel: Event | None = None,
        *,
        in_order: bool = False,
    ) -> EngineReport:
        del in_order  # blobs are told as done together, once all have come
        settings = self._settings(sum(blob.size for blob in blobs))
        with self._transfers(settings, observer, cancel) as transfers:
            sinks = [Sink(blob, settings.verify) for blob in blobs]
            for sink in sinks:
                transfers.download(sink.blob.key, sink)
            transfers.wait()
            for sink in sinks:
                sink.check()
                observer(BlobDone(str(sink.blob.digest), sink.blob.size))
        return transfers.report()

    def upload(
        self,
        blobs: Iterable[Upload],
        observer: Observer,
        cancel: Event | None = None,
        *,
        expected_bytes: int | None = None,
    ) -> EngineReport:
        is_known = isinstance(blobs, Sequence)
        total_bytes = sum(blob.size for blob in blobs) if is_known else expected_bytes
        settings = self._settings(total_bytes)
        with self._transfers(settings, observer, cancel) as transfers:
            for blob in blobs if is_known else transfers.fed_by(blobs):
                if blob.arrival is None and not blob.is_verified:
                    require_digest(blob.path, blob.offset, blob.size, blob.digest)
                transfers.upload(blob)
            transfers.wait()
        return transfers.report()

    def audit(
        self,
        blobs: Iterable[Stored],
        told: Callable[[Stored, S3loError], None],
        observer: Observer,
        cancel: Event | None = None,
        *,
        total_bytes: int | None = None,
    ) -> EngineReport:
        from s3lo.engine.whole_audit import WholeReader, tell

        settings = self._settings(total_bytes)
        threads = min(MAX_THREADS, settings.initial_in_flight)
        reader = WholeReader(self._make_client(), self._bucket, _mapped, cancel or Event())
        read = 0
        for found in abreast(reader.audit, blobs, threads):
            tell(found, told, observer)
            read += 1
        return _report(settings, settings.part_size_bytes, min(threads, read))

    def _transfers(
        self, settings: EngineSettings, observer: Observer, cancel: Event | None
    ) -> _Transfers:
        return _Transfers(self._make_client(), self._bucket, settings, observer, cancel)

    def _settings(self, total_bytes: int | None) -> EngineSettings:
        return choose(self._options, read_machine(), total_bytes, on_sockets=False)


class _Running(Struct, frozen=True):
    """A transfer under way: s3transfer's future, and of what is sent the blob."""

    future: Any
    sent: Upload | None = None
    has_preferences: bool = False


class _Transfers:
    """One run of a transfer manager: submits, waits, maps errors, reports."""

    def __init__(
        self,
        client: Any,
        bucket: str,
        settings: EngineSettings,
        observer: Observer,
        cancel: Event | None,
    ) -> None:
        from s3transfer.manager import TransferConfig, TransferManager
        from s3transfer.subscribers import BaseSubscriber

        class Seen(BaseSubscriber):  # type: ignore[misc]  # s3transfer has no types
            def __init__(self) -> None:
                self.pending = 0

            def on_progress(self, future: Any, bytes_transferred: int, **_: Any) -> None:
                del future
                self.pending += bytes_transferred

        part = upload_part_bytes(0, settings.part_size_bytes)
        self._threads = min(MAX_THREADS, settings.initial_in_flight)
        self._manager = TransferManager(
            client,
            TransferConfig(
                multipart_threshold=part,
                multipart_chunksize=part,
                max_request_concurrency=self._threads,
                max_submission_concurrency=self._threads,
                max_in_memory_download_chunks=self._threads,
                max_in_memory_upload_chunks=self._threads,
            ),
        )
        self._running: list[_Running] = []
        self._bucket = bucket
        self._takes_preferences = True
        self._started = 0
        self._feed: Feed | None = None
        self._seen = Seen()
        self._told = 0
        self._settings = settings
        self._part = part
        self._observe = observer
        self._cancel = cancel or Event()
        self._is_over = False

    def __enter__(self) -> _Transfers:
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        self._is_over = True
        if self._feed is not None:
            self._feed.stop()
        if kind is not None:
            # Each by itself: shutdown(cancel=True) trips over its own arguments (s3transfer 0.19).
            for running in self._running:
                running.future.cancel()
        self._manager.shutdown()

    def download(self, key: str, sink: Sink) -> None:
        future = self._manager.download(self._bucket, key, sink, subscribers=[self._seen])
        self._running.append(_Running(future))
        self._started += 1

    def upload(self, blob: Upload) -> None:
        preferences = blob.preferences if self._takes_preferences else ()
        extra = _extra_args(blob.headers + preferences)
        future = self._manager.upload(
            self._file_of(blob), self._bucket, blob.key, extra_args=extra, subscribers=[self._seen]
        )
        self._running.append(_Running(future, blob, bool(preferences)))
        self._started += 1

    def _file_of(self, blob: Upload) -> io.RawIOBase:
        if blob.arrival is None:
            return Source(blob)
        return Incoming(blob, blob.arrival, lambda: self._is_over or self._cancel.is_set())

    def fed_by(self, blobs: Iterable[Upload]) -> Iterator[Upload]:
        """Blobs as they come, while those that came already are moved."""
        inbox: SimpleQueue[Fed] = SimpleQueue()
        self._feed = Feed(blobs, inbox.put)
        self._feed.start()
        while True:
            self._look()
            try:
                news = inbox.get(timeout=_POLL_SECONDS)
            except Empty:
                continue
            if isinstance(news, NoMore):
                break
            if isinstance(news, Offered):
                yield news.blob
        if news.error is not None:
            raise news.error

    def wait(self) -> None:
        """Wait for everything that was started; raises the first error, mapped to ours."""
        while True:
            self._look()
            if not self._running:
                return
            time.sleep(_POLL_SECONDS)

    def _look(self) -> None:
        """Tell what was done since the last look; raises what failed, and where it is cancelled."""
        if self._cancel.is_set():
            raise Interrupted("cancelled")
        looked_at, self._running = self._running, []
        done: list[_Running] = []
        for running in looked_at:
            (done if running.future.done() else self._running).append(running)
        self._tell()
        for running in done:
            self._end(running)

    def _end(self, running: _Running) -> None:
        try:
            _succeeded(running.future)
        except InvalidStorageClass:
            is_there = running.sent is not None and running.sent.arrival is None
            if not (running.sent and running.has_preferences and is_there):
                raise
            self._takes_preferences = False
            self.upload(running.sent)
        else:
            if running.sent is not None:
                if running.sent.arrival is None:
                    running.sent.stored(0, running.sent.size)
                self._observe(BlobDone(str(running.sent.digest), running.sent.size))

    def report(self) -> EngineReport:
        return _report(self._settings, self._part, min(self._threads, self._started))

    def _tell(self) -> None:
        moved, self._told = self._seen.pending - self._told, self._seen.pending
        if moved:
            self._observe(BytesMoved("transfer", moved))


def _report(settings: EngineSettings, part_bytes: int, in_flight: int) -> EngineReport:
    return EngineReport(
        mode="serial",
        backend="s3transfer",
        processes=0,
        part_size=part_bytes,
        max_in_flight_reached=in_flight,
        target_gbps=settings.target_gbps,
        target_source=settings.target_source,
        peak_rss_bytes=peak_rss_bytes(),
    )


def _succeeded(future: Any) -> None:
    """Raise what a future failed with, mapped to ours."""
    try:
        future.result()
    except S3loError:
        raise
    except OSError as error:
        raise from_os(error, "moving blobs through") from error
    except Exception as error:
        raise _mapped(error) from error


_EXTRA_ARGS = {
    "content-type": "ContentType",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "x-amz-storage-class": "StorageClass",
}


def _extra_args(headers: Headers) -> dict[str, str]:
    """Headers under the names that botocore has for them."""
    return {_EXTRA_ARGS[name]: value for name, value in headers}


def _mapped(error: Exception) -> S3loError:
    """A botocore ClientError carries the answer; anything else is no answer at all."""
    answer = getattr(error, "response", None)
    if not isinstance(answer, dict):
        return ServiceError(f"the transfer failed: {error}")
    code = str(answer.get("Error", {}).get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return s3_errors.error_from(
        Response(status, {}, f"<Code>{code}</Code>".encode()), "an object of the transfer"
    )
