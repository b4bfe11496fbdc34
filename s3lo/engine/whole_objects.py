"""The s3transfer engine: whole objects through s3transfer, where the native client cannot serve.

Slower, and behind the same interface: what is downloaded is hashed as it is written, what is
uploaded is hashed before, since s3transfer completes an upload by itself. The client is the
caller's (``bucket`` knows how to make one), so that nothing here imports boto3.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any

from s3lo.engine.machine import peak_rss_bytes, read_machine
from s3lo.engine.options import EngineOptions
from s3lo.engine.plan import upload_part_bytes
from s3lo.engine.report import EngineReport
from s3lo.engine.settings import EngineSettings, choose
from s3lo.engine.transfers import Download, Upload
from s3lo.engine.whole_files import Sink, Source
from s3lo.errors import (
    DigestMismatch,
    Interrupted,
    S3loError,
    ServiceError,
    from_os,
)
from s3lo.events import BlobDone, BytesMoved, Observer
from s3lo.model import s3_errors
from s3lo.model.objects import Response

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
        settings = self._settings(blobs)
        with _Transfers(self._make_client(), settings, observer, cancel) as transfers:
            sinks = [Sink(blob, settings.verify) for blob in blobs]
            for sink in sinks:
                transfers.download(self._bucket, sink.blob.key, sink)
            transfers.wait()
            for sink in sinks:
                sink.check()
                observer(BlobDone(str(sink.blob.digest), sink.blob.size))
        return transfers.report(len(blobs))

    def upload(
        self, blobs: Sequence[Upload], observer: Observer, cancel: Event | None = None
    ) -> EngineReport:
        settings = self._settings(blobs)
        with _Transfers(self._make_client(), settings, observer, cancel) as transfers:
            for blob in blobs:
                _require_digest(blob)
            for blob in blobs:
                transfers.upload(Source(blob), self._bucket, blob.key, _extra_args(blob))
            transfers.wait()
            for blob in blobs:
                observer(BlobDone(str(blob.digest), blob.size))
        return transfers.report(len(blobs))

    def _settings(self, blobs: Sequence[Download | Upload]) -> EngineSettings:
        total = sum(blob.size for blob in blobs)
        return choose(self._options, read_machine(), total, on_sockets=False)


class _Transfers:
    """One run of a transfer manager: submits, waits, maps errors, reports."""

    def __init__(
        self, client: Any, settings: EngineSettings, observer: Observer, cancel: Event | None
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
                max_in_memory_download_chunks=self._threads,
                max_in_memory_upload_chunks=self._threads,
            ),
        )
        self._futures: list[Any] = []
        self._seen = Seen()
        self._settings = settings
        self._part = part
        self._observe = observer
        self._cancel = cancel or Event()

    def __enter__(self) -> _Transfers:
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        if kind is not None:
            # Each by itself: shutdown(cancel=True) trips over its own arguments (s3transfer 0.19).
            for future in self._futures:
                future.cancel()
        self._manager.shutdown()

    def download(self, bucket: str, key: str, sink: Sink) -> None:
        self._futures.append(self._manager.download(bucket, key, sink, subscribers=[self._seen]))

    def upload(self, source: Source, bucket: str, key: str, extra: dict[str, str]) -> None:
        self._futures.append(
            self._manager.upload(source, bucket, key, extra_args=extra, subscribers=[self._seen])
        )

    def wait(self) -> None:
        """Wait for everything that was started; raises the first error, mapped to ours."""
        reported = 0
        while not all(future.done() for future in self._futures):
            if self._cancel.is_set():
                raise Interrupted("cancelled")
            reported = self._tell(reported)
            time.sleep(_POLL_SECONDS)
        self._tell(reported)
        for future in self._futures:
            try:
                future.result()
            except S3loError:
                raise
            except OSError as error:
                raise from_os(error, "moving blobs through") from error
            except Exception as error:
                raise _mapped(error) from error

    def report(self, objects: int) -> EngineReport:
        return EngineReport(
            mode="serial",
            backend="s3transfer",
            processes=0,
            part_size=self._part,
            max_in_flight_reached=min(self._threads, objects),
            target_gbps=self._settings.target_gbps,
            target_source=self._settings.target_source,
            peak_rss_bytes=peak_rss_bytes(),
        )

    def _tell(self, reported: int) -> int:
        moved = self._seen.pending
        if moved != reported:
            self._observe(BytesMoved("transfer", moved - reported))
        return moved


def _require_digest(blob: Upload) -> None:
    if blob.is_verified:
        return
    if file_digest(blob.path, blob.offset, blob.size) != blob.digest.hex:
        raise DigestMismatch(
            f"{blob.path} does not have the content {blob.digest}",
            hint="The source is damaged; nothing of it was stored.",
        )


def file_digest(path: Path, offset: int, size: int) -> str:
    """SHA-256 of a range of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(offset)
        while size and (chunk := file.read(min(_CHUNK_BYTES, size))):
            digest.update(chunk)
            size -= len(chunk)
    return digest.hexdigest()


_EXTRA_ARGS = {"x-amz-storage-class": "StorageClass", "content-type": "ContentType"}


def _extra_args(blob: Upload) -> dict[str, str]:
    """Headers under the names that botocore has for them."""
    return {_EXTRA_ARGS[name]: value for name, value in blob.headers}


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
