"""The S3 backend: jobs as requests of one awscrt client, bytes straight between sockets and files."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from s3lo.engine import failures, native_errors
from s3lo.engine.backend import Report
from s3lo.engine.client import NativeClient, Reply
from s3lo.engine.file_range import FileRange
from s3lo.engine.jobs import (
    Abort,
    Begin,
    Done,
    Failed,
    Finish,
    Get,
    Headers,
    Job,
    Outcome,
    Put,
    PutPart,
)
from s3lo.errors import NotFoundError, S3loError, ServiceError
from s3lo.model import multipart, s3_errors
from s3lo.model.objects import Credentials, Endpoint, Request, Response
from s3lo.model.s3_errors import InvalidStorageClass, Unsupported

_STORAGE_CLASS = "x-amz-storage-class"


class NativeBackend:
    """Starts jobs on a client that it may share with others and closes only by being told to."""

    def __init__(self, client: NativeClient, endpoint: Endpoint) -> None:
        self._client = client
        self._bucket = endpoint.bucket
        self._lock = threading.Lock()
        self._running: dict[int, Any] = {}
        self._looking: dict[int, Any] = {}
        self._takes_classes = True
        self._takes_checksums = True

    def start(self, job: Job, report: Report) -> None:
        job = self._adapted(job)
        finish = self._finisher(job, lambda outcome: self._reconsider(job, outcome, report))
        try:
            match job:
                case Get():
                    handle = self._get(job, finish)
                case Put() | PutPart():
                    handle = self._put(job, finish)
                case Begin() | Finish() | Abort():
                    handle = self._control(job, finish)
        except OSError as error:
            report(native_errors.failure(job.id, Reply(error=error), self._name(job)))
        except S3loError as error:
            report(Failed(job.id, error))
        else:
            self._remember(job.id, handle)

    def _adapted(self, job: Job) -> Job:
        """The job without what this endpoint is known not to take."""
        if isinstance(job, Put | Begin) and not self._takes_classes:
            job = replace(job, headers=_without_class(job.headers))
        if isinstance(job, Begin) and not self._takes_checksums:
            job = replace(job, is_checked=False)
        return job

    def _reconsider(self, job: Job, outcome: Outcome, report: Report) -> None:
        """Report an outcome, unless it asks for one more request first."""
        match outcome, job:
            case Failed(error=InvalidStorageClass()), Put() | Begin() if _has_class(job):
                self._takes_classes = False
                self.start(job, report)
            case Failed(error=Unsupported()), Begin(is_checked=True):
                # Some endpoints know no CRC-64/NVME; what exactly they say to it differs.
                self._takes_checksums = False
                self.start(job, report)
            case Failed(error=NotFoundError()), Finish(is_repeat=True):
                self._look_for(job, outcome, report)
            case _:
                report(outcome)

    def _look_for(self, job: Finish, failed: Failed, report: Report) -> None:
        """An upload that is gone after its answer was lost: done if its object is there."""

        def on_answer(reply: Reply, _: bytes) -> None:
            size = reply.headers.get("content-length", "")
            is_done = reply.error is None and size == str(job.size)
            report(Done(job.id) if is_done else failed)

        request = Request("HEAD", "HeadObject", job.key)
        self._looking[job.id] = self._exchange(request, on_answer)

    def cancel(self, job_id: int) -> None:
        with self._lock:
            handle = self._running.get(job_id)
        if handle is not None:
            handle.cancel()

    def renew(self, credentials: Credentials | None) -> None:
        self._client.credentials = credentials

    def progress_bytes(self) -> int:
        return 0

    def close(self) -> None:
        self._client.close()

    def _get(self, job: Get, finish: Callable[[Outcome], None]) -> Any:
        fd = os.open(job.path, os.O_WRONLY | os.O_CLOEXEC)
        received = 0

        def on_headers(status: int, headers: Mapping[str, str]) -> None:
            if status < 300:
                failures.check_size(job, headers)

        def on_body(chunk: bytes, offset: int) -> None:
            nonlocal received
            received += _write_all(fd, chunk, offset)

        def on_done(reply: Reply) -> None:
            os.close(fd)
            if reply.error is None and received != job.length:
                reply.error = ServiceError(
                    f"{self._name(job)}: {received} bytes came of {job.length} asked for"
                )
                finish(Failed(job.id, reply.error, retryable=True))
                return
            if reply.status == failures.NOT_SATISFIABLE:
                reply.error = failures.ends_early(job, self._name(job))
            finish(self._outcome(job, reply, ""))

        last = job.offset + job.length - 1
        request = Request(
            "GET", "GetObject", job.key, headers=(("range", f"bytes={job.offset}-{last}"),)
        )
        return self._client.ranged_get(request, on_headers, on_body, on_done)

    def _put(self, job: Put | PutPart, finish: Callable[[Outcome], None]) -> Any:
        stream = FileRange(job.path, job.file_offset, job.length)
        checksum = stream.crc64() if isinstance(job, PutPart) and job.is_checked else ""

        def on_done(reply: Reply) -> None:
            stream.close()
            finish(self._outcome(job, reply, reply.headers.get("etag", ""), checksum))

        if isinstance(job, PutPart):
            request = multipart.put_part(job.key, job.upload_id, job.number, checksum)
        else:
            request = Request("PUT", "PutObject", job.key, headers=job.headers)
        return self._client.exchange(request, _ignore_body, on_done, stream, job.length)

    def _control(self, job: Begin | Finish | Abort, finish: Callable[[Outcome], None]) -> Any:
        match job:
            case Begin():
                request = multipart.begin(job.key, job.headers, is_checked=job.is_checked)
            case Finish():
                request = multipart.finish(job.key, job.upload_id, job.parts)
            case Abort():
                request = multipart.abort(job.key, job.upload_id)
        return self._exchange(request, lambda reply, body: finish(self._judge(job, reply, body)))

    def _judge(self, job: Begin | Finish | Abort, reply: Reply, body: bytes) -> Outcome:
        if reply.error is None and isinstance(job, Begin):
            return _begun(job, body, multipart.CHECKSUM if job.is_checked else "")
        answer = Response(reply.status, reply.headers, body)
        if reply.error is None and isinstance(job, Finish) and s3_errors.error_code(answer):
            # S3 answers 200 before it knows whether completing will succeed.
            answer = Response(500, reply.headers, body)
            return failures.answer_failure(job.id, answer, self._name(job))
        return self._outcome(job, reply, "")

    def _exchange(self, request: Request, on_answer: Callable[[Reply, bytes], None]) -> Any:
        """A request whose answer is small enough to be kept."""
        body = bytearray()

        def on_body(chunk: bytes, offset: int) -> None:
            body[offset : offset + len(chunk)] = chunk

        stream, length = _memory_stream(request.body)
        return self._client.exchange(
            request, on_body, lambda reply: on_answer(reply, bytes(body)), stream, length
        )

    def _outcome(self, job: Job, reply: Reply, value: str, checksum: str = "") -> Outcome:
        if reply.error is None:
            return Done(job.id, value, checksum)
        return native_errors.failure(job.id, reply, self._name(job))

    def _name(self, job: Job) -> str:
        return f"s3://{self._bucket}/{job.key}"

    def _finisher(self, job: Job, report: Report) -> Callable[[Outcome], None]:
        """Reports an outcome and forgets the request that it came from."""

        def finish(outcome: Outcome) -> None:
            with self._lock:
                # A request can be done before start() has its handle: leave a mark then.
                if self._running.pop(job.id, None) is None:
                    self._running[job.id] = None
            report(outcome)

        return finish

    def _remember(self, job_id: int, handle: Any) -> None:
        with self._lock:
            if job_id in self._running:
                del self._running[job_id]
            else:
                self._running[job_id] = handle


def _write_all(fd: int, chunk: bytes, offset: int) -> int:
    written = os.pwrite(fd, chunk, offset)
    while written < len(chunk):
        written += os.pwrite(fd, memoryview(chunk)[written:], offset + written)
    return written


def _begun(job: Begin, body: bytes, checksum: str) -> Outcome:
    upload_id = multipart.upload_id(body)
    if upload_id:
        return Done(job.id, upload_id, checksum)
    return Failed(job.id, ServiceError(f"{job.key}: the service began no multipart upload"))


def _memory_stream(body: bytes | None) -> tuple[Any, int]:
    if body is None:
        return None, 0
    from io import BytesIO

    return BytesIO(body), len(body)


def _has_class(job: Put | Begin) -> bool:
    return any(name == _STORAGE_CLASS for name, _ in job.headers)


def _without_class(headers: Headers) -> Headers:
    return tuple(header for header in headers if header[0] != _STORAGE_CLASS)


def _ignore_body(chunk: bytes, offset: int) -> None:
    del chunk, offset
