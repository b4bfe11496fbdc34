"""The S3 backend: jobs as requests of one awscrt client, bytes straight between sockets and files."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from s3lo.engine import failures
from s3lo.engine.backend import Report
from s3lo.engine.crt import errors as native_errors
from s3lo.engine.crt.client import NativeClient, Reply
from s3lo.engine.crt.file_range import FileRange
from s3lo.engine.jobs import (
    Done,
    Failed,
    Get,
    Hashed,
    Job,
    Outcome,
    Put,
    PutPart,
)
from s3lo.engine.sums import Sums, SumShare
from s3lo.engine.upload import control
from s3lo.engine.upload.part_check import PartCheck
from s3lo.errors import S3loError, ServiceError
from s3lo.model.objects import Credentials, Endpoint, Request


class NativeBackend:
    """Starts jobs on a client that it may share with others and closes only by being told to."""

    def __init__(self, client: NativeClient, endpoint: Endpoint) -> None:
        self._client = client
        self._bucket = endpoint.bucket
        self._lock = threading.Lock()
        self._running: dict[int, Any] = {}
        self._sums = Sums(self._tell_hashed)
        self._report: Report | None = None

    def start(self, job: Job, report: Report) -> None:
        self._report = report
        finish = self._finisher(job, report)
        try:
            match job:
                case Get():
                    handle = self._get(job, finish)
                case Put():
                    handle = self._put(job, finish)
                case PutPart():
                    handle = self._put_part(job, finish)
                case _:
                    handle = self._control(job, finish)
        except OSError as error:
            report(native_errors.failure(job.id, Reply(error=error), self._name(job)))
        except S3loError as error:
            report(Failed(job.id, error))
        else:
            self._remember(job.id, handle)

    def cancel(self, job_id: int) -> None:
        with self._lock:
            handle = self._running.get(job_id)
        if handle is not None:
            handle.cancel()

    def renew(self, credentials: Credentials | None) -> None:
        self._client.credentials = credentials

    def carried_bytes(self) -> int:
        return 0

    def connections(self) -> int:
        return 0

    def close(self) -> None:
        self._client.close()

    def _get(self, job: Get, finish: Callable[[Outcome], None]) -> Any:
        place = self._place(job)
        received = 0
        name = self._name(job)

        def on_headers(status: int, headers: Mapping[str, str]) -> None:
            if status < 300:
                failures.check_size(job, headers)

        def on_body(chunk: bytes, offset: int) -> None:
            nonlocal received
            received += place.write(chunk, offset)

        def on_done(reply: Reply) -> None:
            place.close(is_whole=reply.error is None and received == job.length)
            if reply.error is None and received != job.length:
                reply.error = ServiceError(
                    f"{name}: {received} bytes came of {job.length} asked for"
                )
                finish(Failed(job.id, reply.error, retryable=True))
                return
            if reply.status == failures.NOT_SATISFIABLE:
                reply.error = failures.ends_early(job, name)
            is_done = reply.error is None
            finish(Done(job.id) if is_done else native_errors.failure(job.id, reply, name))

        last = job.offset + job.length - 1
        request = Request(
            "GET", "GetObject", job.key, headers=(("range", f"bytes={job.offset}-{last}"),)
        )
        return self._client.ranged_get(request, on_headers, on_body, on_done)

    def _place(self, job: Get) -> _InFile | _Nowhere:
        if job.path:
            return _InFile(job.path)
        return _Nowhere(self._sums.share(job.blob, job.object_size, job.offset))

    def _put(self, job: Put, finish: Callable[[Outcome], None]) -> Any:
        return self._send(job, FileRange(job.path, job.file_offset, job.length), "", finish)

    def _put_part(self, job: PutPart, finish: Callable[[Outcome], None]) -> Any:
        stream = FileRange(job.path, job.file_offset, job.length)
        check = PartCheck(job)
        if check.is_needed:
            stream.read_through(check.update)
        if check.kept:
            stream.close()
            finish(check.kept)
            return None
        return self._send(job, stream, check.checksum, finish)

    def _send(
        self,
        job: Put | PutPart,
        stream: FileRange,
        checksum: str,
        finish: Callable[[Outcome], None],
    ) -> Any:
        def on_done(reply: Reply) -> None:
            stream.close()
            finish(self._judge(job, reply, b"", checksum))

        request = control.request_for(job, checksum)
        return self._client.exchange(request, _ignore_body, on_done, stream, job.length)

    def _control(self, job: control.Control, finish: Callable[[Outcome], None]) -> Any:
        return self._exchange(
            control.request_for(job), lambda reply, body: finish(self._judge(job, reply, body))
        )

    def _judge(
        self, job: control.Sending, reply: Reply, body: bytes, checksum: str = ""
    ) -> Done | Failed:
        answer = native_errors.answer_of(reply, body)
        if answer is not None:
            return control.outcome_of(job, answer, self._name(job), checksum)
        return native_errors.failure(job.id, reply, self._name(job))

    def _exchange(self, request: Request, on_answer: Callable[[Reply, bytes], None]) -> Any:
        """A request whose answer is small enough to be kept."""
        body = bytearray()

        def on_body(chunk: bytes, offset: int) -> None:
            body[offset : offset + len(chunk)] = chunk

        stream, length = _memory_stream(request.body)
        return self._client.exchange(
            request, on_body, lambda reply: on_answer(reply, bytes(body)), stream, length
        )

    def _name(self, job: Job) -> str:
        return f"s3://{self._bucket}/{job.key}"

    def _tell_hashed(self, result: Hashed) -> None:
        assert self._report is not None
        self._report(result)

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


class _InFile:
    """Where a range goes that is kept."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)

    def write(self, chunk: bytes, offset: int) -> int:
        written = os.pwrite(self._fd, chunk, offset)
        while written < len(chunk):
            written += os.pwrite(self._fd, memoryview(chunk)[written:], offset + written)
        return written

    def close(self, *, is_whole: bool) -> None:
        del is_whole  # what came is overwritten when it is asked for again
        os.close(self._fd)


class _Nowhere:
    """Where a range goes that is only hashed, all of it at once: what came of one that failed is
    asked for again. It comes in order, for to the client it is one part."""

    def __init__(self, share: SumShare) -> None:
        self._share = share
        self._kept = bytearray()

    def write(self, chunk: bytes, offset: int) -> int:
        del offset
        self._kept += chunk
        return len(chunk)

    def close(self, *, is_whole: bool) -> None:
        if is_whole:
            self._share.take(self._kept)
        self._share.close()


def _memory_stream(body: bytes | None) -> tuple[Any, int]:
    if body is None:
        return None, 0
    from io import BytesIO

    return BytesIO(body), len(body)


def _ignore_body(chunk: bytes, offset: int) -> None:
    del chunk, offset
