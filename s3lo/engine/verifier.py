"""Verifier: SHA-256 of files while they are being filled.

A blob's hash is serial, so each blob has a frontier (bytes complete from the start) and is hashed
up to it by whichever thread is free; it never waits for bytes that are not there. The bytes are
read back through the page cache, where they have just been written: that costs a copy, and keeps
the receiving threads free of hashing, which would stall their sockets.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue

from s3lo.errors import LocalError, S3loError, from_os

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Hashed:
    """A blob has been hashed to its end; or could not be read (``error``)."""

    blob: int
    hex: str = ""
    error: S3loError | None = None


@dataclass(slots=True)
class _Progress:
    path: str
    offset: int
    size: int
    frontier: int = 0
    hashed: int = 0
    is_queued: bool = False
    hash: hashlib._Hash = field(default_factory=hashlib.sha256)


class Verifier:
    """Hashes blobs on up to ``threads`` threads and calls ``report`` once for each."""

    def __init__(self, threads: int, report: Callable[[Hashed], None]) -> None:
        self._limit = max(1, threads)
        self._report = report
        self._lock = threading.Lock()
        self._work: SimpleQueue[int | None] = SimpleQueue()
        self._blobs: dict[int, _Progress] = {}
        self._threads: list[threading.Thread] = []

    def add(self, blob: int, path: str, size: int, offset: int = 0) -> None:
        """Begin (or begin again) with a blob of which nothing has arrived yet."""
        with self._lock:
            self._blobs[blob] = _Progress(path, offset, size)
        if len(self._threads) < min(self._limit, len(self._blobs)):
            self._start_thread()
        if size == 0:
            self.advance(blob, 0)

    def advance(self, blob: int, frontier: int) -> None:
        """The first ``frontier`` bytes of the blob are in its file now."""
        with self._lock:
            progress = self._blobs[blob]
            progress.frontier = max(progress.frontier, frontier)
            if progress.is_queued:
                return
            progress.is_queued = True
        self._work.put(blob)

    def close(self) -> None:
        """Stop the threads; a blob that is being hashed is left at its next chunk."""
        with self._lock:
            self._blobs.clear()
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._run, name="s3lo-verifier", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self) -> None:
        buffer = memoryview(bytearray(_CHUNK_BYTES))
        while (blob := self._work.get()) is not None:
            try:
                self._follow(blob, buffer)
            except OSError as error:
                self._report(Hashed(blob, error=from_os(error, "verifying")))
            except S3loError as error:
                self._report(Hashed(blob, error=error))

    def _follow(self, blob: int, buffer: memoryview) -> None:
        """Hash a blob up to its frontier; it is queued again when the frontier moves on."""
        fd = -1
        try:
            while (progress := self._next_stretch(blob)) is not None:
                fd = fd if fd >= 0 else os.open(progress.path, os.O_RDONLY | os.O_CLOEXEC)
                _hash_chunk(progress, fd, buffer)
        finally:
            if fd >= 0:
                os.close(fd)

    def _next_stretch(self, blob: int) -> _Progress | None:
        """The blob's progress if there is more to hash now; reports it when it is complete."""
        with self._lock:
            progress = self._blobs.get(blob)
            if progress is None:
                return None
            if progress.hashed < progress.frontier:
                return progress
            progress.is_queued = False
            if progress.hashed < progress.size:
                return None
            del self._blobs[blob]
        self._report(Hashed(blob, progress.hash.hexdigest()))
        return None


def _hash_chunk(progress: _Progress, fd: int, buffer: memoryview) -> None:
    wanted = min(len(buffer), progress.frontier - progress.hashed)
    count = os.preadv(fd, [buffer[:wanted]], progress.offset + progress.hashed)
    if count == 0:
        raise LocalError(f"{progress.path} became shorter while it was being read")
    progress.hash.update(buffer[:count])
    progress.hashed += count
