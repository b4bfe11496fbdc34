"""Relay: blobs on their way from another place into a store, through memory that is given back.

    fetchers    take a step, with room for it ──► origin ──► memory file ──┐ arrival
                        ▲                                                  ▼
                        └────── room ◄── hole punched ◄── stored ◄── engine: hashed, sent

Each step has its room before it is asked for, the steps of a blob in their order. So what was begun
comes, and what came can be sent, whatever waits for room besides: nobody waits for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Condition, Thread
from types import TracebackType
from typing import Protocol

from msgspec import Struct, field

from s3lo.engine.arrival import Arrival
from s3lo.engine.transfers import Upload
from s3lo.errors import IntegrityError
from s3lo.memory_file import MemoryFile
from s3lo.model.documents import Descriptor

_BLOBS_AT_A_TIME = 10
_MOST_FILES = 128
"""In memory, of blobs that are not stored yet: an image may have thousands of small ones."""
_JOIN_SECONDS = 2.0
Stored = Callable[[int, int], None]
Uploading = Callable[[Descriptor, Path, Arrival, Stored], Upload]


class OpenedRange(Protocol):
    """Bytes of a blob, as they come."""

    @property
    def end(self) -> int:
        """Up to where they come: as far as was asked for, or the blob's end where the other side
        knows no ranges."""

    def __iter__(self) -> Iterator[bytes | memoryview]: ...

    def close(self) -> None: ...


OpenRange = Callable[[Descriptor, int, int], OpenedRange]
"""What opens the bytes of a blob from a start to an end. For any thread."""


class _Coming(Struct, eq=False):
    """A blob that was begun, or will be."""

    blob: Descriptor
    arrival: Arrival
    memory: MemoryFile | None = None
    taken_bytes: int = 0
    """Up to where its steps are taken."""
    is_probing: bool = False
    """Whether there are ranges of it will be known once its first answer is there."""
    held: dict[int, int] = field(default_factory=dict)
    """Room that its steps have: their starts and lengths."""
    ahead: set[int] = field(default_factory=set)
    """Starts of steps that came before others that are in front of them."""
    stored_bytes: int = 0
    fetching: int = 0

    @property
    def is_stored(self) -> bool:
        return self.stored_bytes == self.blob.size

    @property
    def has_come(self) -> bool:
        return self.arrival.end == self.blob.size or self.is_stored


class _Step(Struct, frozen=True):
    coming: _Coming
    start: int
    end: int


class Relay:
    """One run; ``with Relay(…) as relay: engine.upload(relay.uploads(), …)``."""

    def __init__(
        self,
        open_range: OpenRange,
        blobs: Sequence[Descriptor],
        uploading: Uploading,
        *,
        room_bytes: int,
        step_bytes: Callable[[int], int],
        connections: int,
    ) -> None:
        """``step_bytes``: what a blob of a size comes in. At least one step always has room."""
        self.peak_bytes = 0
        self._open_range = open_range
        self._uploading = uploading
        self._room_bytes = room_bytes
        self._held_bytes = 0
        self._changed = Condition()
        ordered = sorted(blobs, key=lambda blob: -blob.size)
        self._waiting = deque(_Coming(blob, Arrival(step_bytes(blob.size))) for blob in ordered)
        self._begun: list[_Coming] = []
        """Of which there are steps to be taken, or under way."""
        self._offers: deque[Upload] = deque()
        self._has_ranges = False
        self._is_over = False
        self._failure: BaseException | None = None
        self._threads = [
            Thread(target=self._serve, name="s3lo-relay", daemon=True)
            for _ in range(max(1, connections))
        ]
        self._memories: set[MemoryFile] = set()

    def __enter__(self) -> Relay:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)
        if not any(thread.is_alive() for thread in self._threads):
            for memory in self._memories:
                memory.close()

    def uploads(self) -> Iterator[Upload]:
        """Each blob when its first step is on its way; ends when all have come, or raises what kept
        one from coming."""
        while (upload := self._next_offer()) is not None:
            yield upload

    def _next_offer(self) -> Upload | None:
        with self._changed:
            while not (self._offers or self._is_over or self._failure or self._has_all()):
                self._changed.wait()
            if self._failure:
                raise self._failure
            return self._offers.popleft() if self._offers and not self._is_over else None

    def _has_all(self) -> bool:
        return not (self._waiting or self._begun)

    def _serve(self) -> None:
        try:
            while (step := self._take()) is not None:
                self._fetch(step)
        except BaseException as error:
            with self._changed:
                self._failure = self._failure or error
                self._changed.notify_all()

    def _take(self) -> _Step | None:
        """The next step, when there is room for it; None when there are no more."""
        with self._changed:
            while not (self._is_over or self._failure or self._has_all()):
                coming = self._next_coming()
                if coming and self._reserve(coming, coming.taken_bytes):
                    return self._begin_step(coming)
                self._changed.wait()
            return None

    def _next_coming(self) -> _Coming | None:
        """The first blob of which a step can be taken; begins another where none can."""
        for coming in self._begun:
            if coming.taken_bytes < coming.blob.size and not coming.is_probing:
                return coming
        while self._waiting and self._may_begin():
            coming = self._waiting.popleft()
            self._begin(coming)
            if coming.blob.size:
                return coming
        return None

    def _may_begin(self) -> bool:
        return len(self._begun) < _BLOBS_AT_A_TIME and len(self._memories) < _MOST_FILES

    def _begin(self, coming: _Coming) -> None:
        blob = coming.blob
        memory = coming.memory = MemoryFile(blob.size)
        self._memories.add(memory)
        stored = partial(self._stored, coming)
        self._offers.append(self._uploading(blob, memory.path, coming.arrival, stored))
        if blob.size:
            self._begun.append(coming)
        self._changed.notify_all()

    def _reserve(self, coming: _Coming, start: int) -> int:
        """Take room for the step that begins there, if there is some; returns its length."""
        length = min(coming.arrival.step_bytes, coming.blob.size - start)
        if self._held_bytes and self._held_bytes + length > self._room_bytes:
            return 0
        coming.held[start] = length
        coming.taken_bytes = start + length
        self._held_bytes += length
        self.peak_bytes = max(self.peak_bytes, self._held_bytes)
        return length

    def _begin_step(self, coming: _Coming) -> _Step:
        start = next(reversed(coming.held))
        coming.fetching += 1
        coming.is_probing = not (start or self._has_ranges)
        return _Step(coming, start, coming.taken_bytes)

    def _fetch(self, step: _Step) -> None:
        coming, position = step.coming, step.start
        opened = self._open_range(coming.blob, step.start, step.end)
        try:
            self._probed(step, is_whole=opened.end > step.end)
            for piece in opened:
                if self._is_over or coming.is_stored:
                    break
                position = self._keep(coming, position, memoryview(piece))
            else:
                if position != opened.end:
                    raise IntegrityError(f"{coming.blob.digest} came to its end too early")
        finally:
            opened.close()
        with self._changed:
            coming.fetching -= 1
            self._forget_if_done(coming)

    def _probed(self, step: _Step, *, is_whole: bool) -> None:
        """The answer tells whether there are ranges: if not, all of the blob comes by it."""
        coming = step.coming
        with self._changed:
            is_known = coming.is_probing and step.end < coming.blob.size
            self._has_ranges = self._has_ranges or (is_known and not is_whole)
            coming.is_probing = is_whole
            self._changed.notify_all()

    def _keep(self, coming: _Coming, position: int, piece: memoryview) -> int:
        """Put what came where it belongs, step by step; returns up to where it has come."""
        assert coming.memory
        while piece:
            start = position // coming.arrival.step_bytes * coming.arrival.step_bytes
            length = coming.held.get(start) or self._wait_for_room(coming, start)
            if not length:
                break
            end = start + length
            part = piece[: end - position]
            coming.memory.write(position, part)
            position, piece = position + len(part), piece[len(part) :]
            if position == end:
                self._came(coming, start)
        return position

    def _wait_for_room(self, coming: _Coming, start: int) -> int:
        """The length of the step that there is room for now; 0 where none is wanted any more."""
        with self._changed:
            while not (self._is_over or self._failure or coming.is_stored):
                if length := self._reserve(coming, start):
                    return length
                self._changed.wait()
            return 0

    def _came(self, coming: _Coming, start: int) -> None:
        with self._changed:
            if coming.is_stored:
                self._give_back(coming, start)
                return
            coming.ahead.add(start)
            end = coming.arrival.end
            while end in coming.ahead:
                coming.ahead.remove(end)
                end += coming.held[end]
            if end > coming.arrival.end:
                coming.arrival.advance(end)

    def _stored(self, coming: _Coming, offset: int, length: int) -> None:
        """Of the engine: nobody will read this range again."""
        with self._changed:
            coming.stored_bytes += length
            for start in [each for each in coming.held if offset <= each < offset + length]:
                self._give_back(coming, start)
            self._forget_if_done(coming)

    def _give_back(self, coming: _Coming, start: int) -> None:
        length = coming.held.pop(start, 0)
        assert coming.memory
        coming.memory.give_back(start, length)
        self._held_bytes -= length
        self._changed.notify_all()

    def _forget_if_done(self, coming: _Coming) -> None:
        if coming.fetching:
            return
        if coming.has_come and coming in self._begun:
            self._begun.remove(coming)
            self._changed.notify_all()
        if coming.is_stored and coming.memory in self._memories:
            self._memories.remove(coming.memory)
            coming.memory.close()
