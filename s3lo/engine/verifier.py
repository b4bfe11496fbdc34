"""Verifier: SHA-256 of blobs while their bytes come in or go out, in any order and by many hands.

A blob's hash is serial, so each blob has a position (hashed up to here) and at most one who has the
turn to move it on:

    whoever receives or sends the bytes at the position hashes them in his own memory, while they
    are hot in the cache (``Share``);
    what arrived out of turn is in the file, and a thread of the verifier reads it back from there,
    from the page cache, when the position has come to it.

Nobody waits: who has not the turn goes on receiving or sending. The threads take the blobs in their
order, but for one that would keep a core busy when all others are done: see ``next_to_read``.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue

from msgspec import Struct, field

from s3lo.engine.jobs import Hashed
from s3lo.engine.sums import Sums
from s3lo.errors import LocalError, S3loError, from_os

_CHUNK_BYTES = 1 << 20
"""A piece that stays in a core's caches between being read and being hashed. With 256 KiB 4 GiB at 25 MB/s a
connection, most of which is read back, took 1.04 of the time."""
_SLICE_BYTES = 32 << 20
"""After which a thread looks whether another blob is to be gone on with: a fortieth of a second."""
_MOST_WEIGHED = 64
"""Of more blobs that wait there is something to do for all threads, whatever the order."""


class _Progress(Struct):
    path: str
    offset: int
    """Of the blob in its file."""
    size: int
    tells: bool = False
    """How it gets on, not only what came of it."""
    position: int = 0
    arrived: dict[int, int] = field(default_factory=dict)
    """Start and end of what is in the file beyond the position."""
    is_taken: bool = False
    """Somebody has the turn."""
    hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    @property
    def left_bytes(self) -> int:
        return self.size - self.position

    def came(self, start: int, end: int) -> None:
        """What is told again takes nothing away that was told before."""
        self.arrived[start] = max(end, self.arrived.get(start, 0))


class Verifier:
    """Hashes blobs and calls ``report`` once for each, from any thread.

    Up to ``threads`` threads read back what arrived out of turn.
    """

    def __init__(self, threads: int, report: Callable[[Hashed], None]) -> None:
        self.sums = Sums(report)
        """Of what is kept in no file."""
        self._limit = max(1, threads)
        self._report = report
        self._lock = threading.Lock()
        self._wanted: SimpleQueue[bool] = SimpleQueue()
        """A True for each blob that waits for a thread."""
        self._waiting: dict[int, _Progress] = {}
        self._read: dict[int, _Progress] = {}
        """By threads, at the moment."""
        self._blobs: dict[int, _Progress] = {}
        self._threads: list[threading.Thread] = []
        self._is_closed = False

    def add(self, blob: int, path: str, size: int, offset: int = 0, *, tells: bool = False) -> None:
        """Begin (or begin again) with a blob of which nothing has arrived yet; ``tells``: each time that
        what has arrived is hashed, that is reported too."""
        with self._lock:
            self._blobs[blob] = _Progress(path, offset, size, tells)
        if size == 0:
            self._pass_on(blob)

    def share(self, blob: int, path: str, size: int, start: int, offset: int = 0) -> Share:
        """The part of a blob from ``start`` on, for the one who receives or sends it; the first part
        that is asked for begins the blob, which is at ``offset`` of its file."""
        with self._lock:
            progress = self._blobs.get(blob)
            if progress is None:
                progress = self._blobs[blob] = _Progress(path, offset, size)
        return Share(self, blob, progress, start)

    def arrived(self, blob: int, start: int, end: int) -> None:
        """These bytes of the blob are in its file now; what was hashed before may be told again."""
        with self._lock:
            progress = self._blobs.get(blob)
            if progress is None:
                return
            start = max(start, progress.position)
            if start < end:
                progress.came(start, end)
        self._pass_on(blob)

    def forget(self, blob: int) -> None:
        """Nobody wants to know any more."""
        with self._lock:
            self._blobs.pop(blob, None)

    def position(self, blob: int) -> int:
        """Up to where a blob that is still being hashed is done with; 0 for any other."""
        progress = self._blobs.get(blob)
        return progress.position if progress else 0

    def close(self) -> None:
        """Stop the threads; a blob that is being hashed is left at its next chunk."""
        with self._lock:
            self._is_closed = True
            self._blobs.clear()
        for _ in self._threads:
            self._wanted.put(False)
        for thread in self._threads:
            thread.join()

    def take_turn(self, progress: _Progress, start: int) -> bool:
        """Whether the caller, who has the bytes from ``start`` on, is the one to hash now."""
        with self._lock:
            if progress.is_taken or progress.position != start:
                return False
            progress.is_taken = True
            return True

    def give_turn_back(self, blob: int, progress: _Progress) -> None:
        with self._lock:
            progress.is_taken = False
        self._pass_on(blob)

    def _pass_on(self, blob: int) -> None:
        """Let somebody go on where the position has come to what is there; report what is done."""
        with self._lock:
            progress = self._blobs.get(blob)
            if progress is None or progress.is_taken or self._is_closed:
                return
            if progress.position == progress.size:
                del self._blobs[blob]
            elif progress.position in progress.arrived:
                progress.is_taken = True
                self._start_threads()
                self._waiting[blob] = progress
                self._wanted.put(True)
                return
            else:
                return
        self._report(Hashed(blob, progress.hash.hexdigest()))

    def _start_threads(self) -> None:
        if len(self._threads) < min(self._limit, len(self._blobs)):
            thread = threading.Thread(target=self._run, name="s3lo-verifier", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self) -> None:
        buffer = memoryview(bytearray(_CHUNK_BYTES))
        while self._wanted.get():
            taken = self._take_next()
            if taken is None:
                continue
            blob, progress = taken
            try:
                self._read_back(blob, progress, buffer)
            except OSError as error:
                self._report(Hashed(blob, error=from_os(error, "verifying")))
            except S3loError as error:
                self._report(Hashed(blob, error=error))
            else:
                self.give_turn_back(blob, progress)

    def _take_next(self) -> tuple[int, _Progress] | None:
        """None where one that waited was begun again meanwhile, or is not wanted any more."""
        with self._lock:
            if not self._waiting:
                return None
            blob = next(iter(self._waiting))
            if 1 < len(self._waiting) <= _MOST_WEIGHED:
                left = {each: waits.left_bytes for each, waits in self._waiting.items()}
                elsewhere = sum(progress.left_bytes for progress in self._read.values())
                blob = next_to_read(left, elsewhere, self._limit)
            progress = self._waiting.pop(blob)
            if self._blobs.get(blob) is not progress:
                return None
            self._read[blob] = progress
            return blob, progress

    def _read_back(self, blob: int, progress: _Progress, buffer: memoryview) -> None:
        """Hash, having the turn, what has arrived at the position, until there is no more or it is time to
        look at the others."""
        try:
            self._read_slice(blob, progress, buffer)
        finally:
            with self._lock:
                self._read.pop(blob, None)

    def _read_slice(self, blob: int, progress: _Progress, buffer: memoryview) -> None:
        enough = progress.position + _SLICE_BYTES
        fd = os.open(progress.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while (end := progress.arrived.pop(progress.position, None)) is not None:
                stop = min(end, enough)
                while progress.position < stop:
                    if self._blobs.get(blob) is not progress:
                        return
                    hash_chunk(progress, fd, buffer[: stop - progress.position])
                if stop < end:
                    with self._lock:
                        progress.came(stop, end)
                    return
                if progress.tells and end < progress.size:
                    self._report(Hashed(blob))
        finally:
            os.close(fd)


def next_to_read(left: Mapping[int, int], elsewhere: int, threads: int) -> int:
    """The blob, of those that wait, to go on with: the first, for who sends them on takes them in their
    order, but one of which as much is left as each thread has to do in all must not wait any longer.

    ``left``: bytes to be hashed, by blob; ``elsewhere``: of those that other threads are at. So all end
    at one moment (McNaughton 1959, scheduling with preemption). One after the other, with 4 x 1 GiB on
    two cores, now and then one core had nothing to do in the last second of six.
    """
    longest = max(left, key=lambda blob: left[blob])
    if left[longest] * threads >= sum(left.values()) + elsewhere:
        return longest
    return min(left)


class Share:
    """What the bytes of one part have to do with their blob's digest. For one thread."""

    def __init__(self, verifier: Verifier, blob: int, progress: _Progress, start: int) -> None:
        self._verifier = verifier
        self._blob = blob
        self._progress = progress
        self._start = start
        self._end = start
        self._has_turn = False

    @property
    def is_next(self) -> bool:
        """Whether the bytes that come next will be hashed here, or may be: then they should come by
        ``wrote``."""
        return self._has_turn or self._progress.position == self._start

    def passed(self, count: int) -> None:
        """So many bytes, which follow those before, are in the file now, and nobody has them; not
        where the turn is ours."""
        self._end += count

    def wrote(self, memory: memoryview) -> None:
        """The bytes in ``memory``, which follow those before, are in the file now."""
        progress = self._progress
        before, self._end = self._end, self._end + len(memory)
        if not self._has_turn:
            # Looked at without the lock first: mostly it is not the turn of this one.
            if progress.position != self._start:
                return
            self._has_turn = self._verifier.take_turn(progress, self._start)
            if not self._has_turn:
                return
            self._catch_up(before)
        progress.hash.update(memory)
        progress.position = self._end

    def close(self) -> None:
        """No more bytes of this part come, all of them or not."""
        if self._has_turn:
            self._verifier.give_turn_back(self._blob, self._progress)
        elif self._end > self._start:
            self._verifier.arrived(self._blob, self._start, self._end)

    def _catch_up(self, end: int) -> None:
        """Hash what this part had received before its turn came."""
        progress = self._progress
        if progress.position == end:
            return
        buffer = memoryview(bytearray(_CHUNK_BYTES))
        # With a descriptor of its own: the receiver's may be for direct I/O, which asks for more.
        fd = os.open(progress.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while progress.position < end:
                hash_chunk(progress, fd, buffer[: end - progress.position])
        finally:
            os.close(fd)


def hash_chunk(progress: _Progress, fd: int, buffer: memoryview) -> None:
    """Read a buffer full, or less, at the position and move it on."""
    count = os.preadv(fd, [buffer], progress.offset + progress.position)
    if count == 0:
        raise LocalError(f"{progress.path} became shorter while it was being read")
    progress.hash.update(buffer[:count])
    progress.position += count
