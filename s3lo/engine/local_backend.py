"""The local backend: the same jobs between a local store's files and others."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from s3lo import beneath
from s3lo.engine.backend import LocalConfig, Report
from s3lo.engine.jobs import Abort, Begin, Done, Failed, Finish, Get, Hashed, Job, Put, PutPart
from s3lo.engine.sums import Sums
from s3lo.engine.transfers import DAMAGED
from s3lo.errors import (
    Interrupted,
    LocalError,
    NotFoundError,
    S3loError,
    SizeMismatch,
    from_os,
)
from s3lo.model.objects import Credentials


class LocalBackend:
    """Carries jobs out on a few threads; a copy never holds the GIL."""

    def __init__(self, config: LocalConfig) -> None:
        self._root = Path(config.root)
        self._threads = ThreadPoolExecutor(config.threads, thread_name_prefix="s3lo-local")
        # Held open, and so locked, from Begin on: no sweep takes a file whose parts come slowly.
        self._pending: dict[str, beneath.PendingFile] = {}
        self._waiting: dict[int, tuple[Future[None], Report]] = {}
        self._sums = Sums(self._tell_hashed)
        self._report: Report | None = None

    def start(self, job: Job, report: Report) -> None:
        self._report = report
        future = self._threads.submit(self._run, job, report)
        self._waiting[job.id] = (future, report)

    def cancel(self, job_id: int) -> None:
        future, report = self._waiting.pop(job_id, (None, None))
        if future is not None and report is not None and future.cancel():
            report(Failed(job_id, Interrupted("the copy was cancelled")))

    def renew(self, credentials: Credentials | None) -> None:
        del credentials  # files ask for none

    def carried_bytes(self) -> int:
        return 0

    def connections(self) -> int:
        return 0

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        for pending in self._pending.values():
            pending.abandon()

    def _run(self, job: Job, report: Report) -> None:
        try:
            report(Done(job.id, self._carry_out(job)))
        except S3loError as error:
            report(Failed(job.id, error))
        except OSError as error:
            report(Failed(job.id, from_os(error, f"copying {job.key} through")))
        finally:
            self._waiting.pop(job.id, None)

    def _carry_out(self, job: Job) -> str:
        match job:
            case Get():
                self._get(job)
            case Put():
                with beneath.begin(self._root, job.key) as pending:
                    _copy_range(job.path, pending.path, job.file_offset, 0, job.length)
                    pending.commit()
            case Begin():
                pending = beneath.begin(self._root, job.key)
                self._pending[pending.name] = pending
                os.ftruncate(pending.fd, job.size)
                return pending.name
            case PutPart():
                path = self._pending[job.upload_id].path
                _copy_range(job.path, path, job.file_offset, job.offset, job.length)
            case Finish():
                self._pending.pop(job.upload_id).commit()
            case Abort():
                self._pending.pop(job.upload_id).abandon()
        return ""

    def _get(self, job: Get) -> None:
        source = self._root / job.key
        try:
            size = source.stat().st_size
        except FileNotFoundError:
            raise NotFoundError(f"not there: {source}") from None
        if size != job.object_size:
            raise SizeMismatch(
                f"{source} is {size} bytes where {job.object_size} are expected", hint=DAMAGED
            )
        if job.path:
            _copy_range(str(source), Path(job.path), job.offset, job.offset, job.length)
        else:
            self._sum(job, source)

    def _sum(self, job: Get, source: Path) -> None:
        share = self._sums.share(job.blob, job.object_size, job.offset)
        try:
            for memory in _pieces(source, job.offset, job.length):
                share.take(memory)
        finally:
            share.close()

    def _tell_hashed(self, result: Hashed) -> None:
        assert self._report is not None
        self._report(result)


_CHUNK_BYTES = 8 << 20
_PIECE_BYTES = 256 << 10
"""What stays in a core's own cache between being read and being hashed."""


def _pieces(source: Path, offset: int, length: int) -> Iterator[memoryview]:
    """A range of a file in one memory, each piece to be used before the next one is asked for."""
    buffer = memoryview(bytearray(min(_PIECE_BYTES, length)))
    fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for position in range(offset, offset + length, _PIECE_BYTES):
            piece = buffer[: offset + length - position]
            if os.preadv(fd, [piece], position) != len(piece):
                raise LocalError(f"{source} became shorter while it was being read")
            yield piece
    finally:
        os.close(fd)


def _copy_range(
    source: str, target: Path, source_offset: int, target_offset: int, length: int
) -> None:
    """Copy a range from file to file inside the kernel where it can, sharing blocks where it can."""
    reader = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        writer = os.open(target, os.O_WRONLY | os.O_CLOEXEC)
        try:
            _copy(reader, writer, source_offset, target_offset, length)
        finally:
            os.close(writer)
    finally:
        os.close(reader)


def _copy(reader: int, writer: int, source_offset: int, target_offset: int, length: int) -> None:
    step: Callable[[int, int, int, int, int], int] = _copy_in_kernel
    done = 0
    while done < length:
        wanted = min(_CHUNK_BYTES, length - done)
        try:
            count = step(reader, writer, wanted, source_offset + done, target_offset + done)
        except OSError as error:
            # Between some file systems the kernel refuses: then through memory.
            unable = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
            if step is not _copy_in_kernel or error.errno not in unable:
                raise
            step = _copy_through_memory
            continue
        if count == 0:
            raise LocalError(f"a file ended {length - done} bytes early while it was copied")
        done += count


def _copy_in_kernel(reader: int, writer: int, count: int, source: int, target: int) -> int:
    return os.copy_file_range(reader, writer, count, source, target)


def _copy_through_memory(reader: int, writer: int, count: int, source: int, target: int) -> int:
    return os.pwrite(writer, os.pread(reader, min(count, 1 << 20), source), target)
