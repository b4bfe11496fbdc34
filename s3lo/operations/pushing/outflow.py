"""Outflow: layers on their way into the store while the rest of their image is still being made.

    maker's thread    grow() … offer() ──┐ queue
                                         ▼
    feeder's thread              is it there? ──no──► engine
                                                        │ stored(range)
                                 room ◄── hole punched ─┘

What waits here takes no more room than the largest of the layers: a layer that is being made may
use what the others have given back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from threading import Condition, Event, Lock
from types import TracebackType

from s3lo.engine.report import EngineReport
from s3lo.engine.transfers import Engine, Upload
from s3lo.errors import Interrupted
from s3lo.events import Observer
from s3lo.holes import punch_hole
from s3lo.model.digest import Digest
from s3lo.operations.beside import Linked, beside
from s3lo.operations.phase import Phase
from s3lo.transports.image import BlobFile

Uploading = Callable[[BlobFile, Callable[[int, int], None]], Upload]
IsThere = Callable[[BlobFile], bool]


class Room:
    """Temporary space: never more than the largest blob takes by itself."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._changed = Condition()
        self._held_bytes = 0
        self._making_bytes = 0
        self._largest_bytes = 0
        self._is_over = False

    def grow(self, count: int) -> None:
        """Wait until the blob that is being made may take ``count`` bytes more.

        Alone it always may. Raises Interrupted once nothing is given back any more.
        """
        with self._changed:
            self._making_bytes += count
            while self._held_bytes and not self._fits(count):
                self._require_flow()
                self._changed.wait()
            self._require_flow()
            self._held_bytes += count
            self.peak_bytes = max(self.peak_bytes, self._held_bytes)

    def made(self) -> None:
        """The blob that was being made is complete."""
        with self._changed:
            self._largest_bytes = max(self._largest_bytes, self._making_bytes)
            self._making_bytes = 0

    def give_back(self, count: int) -> None:
        with self._changed:
            self._held_bytes -= count
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _fits(self, count: int) -> bool:
        return self._held_bytes + count <= max(self._largest_bytes, self._making_bytes)

    def _require_flow(self) -> None:
        if self._is_over:
            raise Interrupted("nothing leaves any more")


class Outflow:
    """The outlet of one push; ``with Outflow(…) as outflow`` ends what it began.

    The engine is started by the first offer: an image that is there already needs none.
    """

    def __init__(
        self,
        engine: Engine,
        uploading: Uploading,
        is_there: IsThere,
        observer: Observer,
        cancel: Event | None,
    ) -> None:
        self.room = Room()
        self.offered: set[Digest] = set()
        self.moved: set[Digest] = set()
        self._engine = engine
        self._uploading = uploading
        self._is_there = is_there
        self._observe = observer
        self._stop = Linked(cancel)
        self._expected_bytes: int | None = None
        self._running = ExitStack()
        self._result: Callable[[], EngineReport] | None = None
        self._changed = Condition()
        self._waiting: deque[BlobFile | Upload] = deque()
        self._feeding = Lock()
        self._left_bytes: dict[Digest, int] = {}
        self._is_closed = False
        self._is_over = False

    def __enter__(self) -> Outflow:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._end()
        try:
            self._running.__exit__(kind, value, trace)
        finally:
            # The engine waits for no feeder, and it asks a store that is about to be closed.
            with self._feeding:
                pass

    def expect(self, count: int) -> None:
        self._expected_bytes = count

    def grow(self, count: int) -> None:
        self.room.grow(count)

    def offer(self, blob: BlobFile) -> None:
        self.room.made()
        self.offered.add(blob.digest)
        self._put(blob)
        if self._result is None:
            self._start()

    def withdraw(self, count: int) -> None:
        self.room.made()
        self.room.give_back(count)

    def abandon(self) -> None:
        self._end()

    def finish(self, rest: Sequence[Upload]) -> EngineReport:
        """Upload the rest as well; returns when all is there, or raises what ended it."""
        self.moved.update(upload.digest for upload in rest)
        if self._result is None:
            return self._upload(rest, sum(upload.size for upload in rest), None)
        for upload in rest:
            self._put(upload)
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        return self._result()

    def _start(self) -> None:
        call = partial(self._upload, iter(self._next_upload, None), 0, self._expected_bytes)
        self._result = self._running.enter_context(beside(call, self._stop, self._end))

    def _upload(
        self, uploads: Iterable[Upload], total_bytes: int, expected_bytes: int | None
    ) -> EngineReport:
        with Phase("transfer", self._observe, total_bytes):
            return self._engine.upload(
                uploads, self._observe, self._stop, expected_bytes=expected_bytes
            )

    def _put(self, item: BlobFile | Upload) -> None:
        with self._changed:
            if self._is_over:
                raise Interrupted("nothing leaves any more")
            self._waiting.append(item)
            self._changed.notify_all()

    def _next(self) -> BlobFile | Upload | None:
        """What is to leave next; None when there will be nothing more."""
        with self._changed:
            while not (self._waiting or self._is_closed or self._is_over):
                self._changed.wait()
            return self._waiting.popleft() if self._waiting and not self._is_over else None

    def _next_upload(self) -> Upload | None:
        while (item := self._next()) is not None:
            if isinstance(item, Upload):
                return item
            with self._feeding:
                if not self._is_there(item):
                    self.moved.add(item.digest)
                    return self._uploading(item, partial(self._give_back, item))
                self._give_back(item, 0, item.size)
        return None

    def _give_back(self, blob: BlobFile, offset: int, length: int) -> None:
        """Free a range of a blob's file that nobody will read again."""
        self._left_bytes[blob.digest] = self._left_bytes.get(blob.digest, blob.size) - length
        if self._left_bytes[blob.digest]:
            punch_hole(blob.path, offset, length)
        else:
            blob.path.unlink(missing_ok=True)
        self.room.give_back(length)

    def _end(self) -> None:
        """Nothing leaves any more: wake who waits."""
        self.room.end()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
