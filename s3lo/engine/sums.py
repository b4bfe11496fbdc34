"""Sums: SHA-256 of blobs that are kept nowhere, while their parts come in any order.

The part at the position (hashed up to here) is hashed as it comes and given up. What comes ahead of
it is kept in memory until the position has come to it; how much that may be is the affair of whoever
asks for the parts (``audit``). Nobody waits for a turn: who has none leaves what he has to him who
does.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

from msgspec import Struct, field

from s3lo.engine.jobs import Hashed


class _Sum(Struct):
    size: int
    position: int = 0
    ahead: dict[int, bytearray] = field(default_factory=dict)
    """What has come beyond the position, by where it starts."""
    is_taken: bool = False
    """Somebody has the turn."""
    shares: int = 0
    """Parts that are on their way."""
    hash: hashlib._Hash = field(default_factory=hashlib.sha256)


class Sums:
    """Calls ``report`` once for each blob of which all has come, from any thread."""

    def __init__(self, report: Callable[[Hashed], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._blobs: dict[int, _Sum] = {}

    def share(self, blob: int, size: int, start: int) -> SumShare:
        """The part of a blob from ``start`` on, for the one who receives it."""
        with self._lock:
            total = self._blobs.get(blob)
            if total is None:
                total = self._blobs[blob] = _Sum(size)
            total.shares += 1
        return SumShare(self, blob, total, start)

    def take_turn(self, total: _Sum, start: int) -> bool:
        """Whether the caller, who has the bytes from ``start`` on, is the one to hash now."""
        with self._lock:
            if total.is_taken or total.position != start:
                return False
            total.is_taken = True
            return True

    def leave(self, total: _Sum, start: int, kept: bytearray) -> bool:
        """Keep what has come ahead; True if the position has come to it meanwhile, and the turn is
        the caller's."""
        with self._lock:
            total.ahead[start] = kept
            if total.is_taken or total.position != start:
                return False
            total.is_taken = True
            return True

    def go_on(self, total: _Sum) -> None:
        """Hash, having the turn, what was left at the position, until there is no more."""
        while True:
            with self._lock:
                kept = total.ahead.pop(total.position, None)
                if kept is None:
                    total.is_taken = False
                    return
            total.hash.update(kept)
            total.position += len(kept)

    def end_share(self, blob: int, total: _Sum) -> None:
        """Report a blob that is complete; forget one of which nothing has come."""
        with self._lock:
            total.shares -= 1
            is_whole = total.position == total.size
            is_nothing = not (total.shares or total.position or total.ahead)
            if self._blobs.get(blob) is not total or not (is_whole or is_nothing):
                return
            del self._blobs[blob]
        if is_whole:
            self._report(Hashed(blob, total.hash.hexdigest()))


class SumShare:
    """What the bytes of one part have to do with their blob's digest. For one thread."""

    def __init__(self, sums: Sums, blob: int, total: _Sum, start: int) -> None:
        self._sums = sums
        self._blob = blob
        self._total = total
        self._start = start
        self._kept = bytearray()
        self._has_turn = False

    def take(self, memory: memoryview | bytearray) -> None:
        """The bytes in ``memory`` follow those before; they are of no more use afterwards."""
        total = self._total
        if not self._has_turn:
            # Looked at without the lock first: ahead of the position it is not the turn of this one.
            is_there = total.position == self._start
            self._has_turn = is_there and self._sums.take_turn(total, self._start)
            if not self._has_turn:
                self._kept += memory
                return
            self._add(self._kept)
            self._kept = bytearray()
        self._add(memory)

    def close(self) -> None:
        """No more bytes of this part come, all of them or not."""
        if self._kept:
            self._has_turn = self._sums.leave(self._total, self._start, self._kept)
        if self._has_turn:
            self._sums.go_on(self._total)
        self._sums.end_share(self._blob, self._total)

    def _add(self, memory: memoryview | bytearray) -> None:
        if len(memory):
            self._total.hash.update(memory)
            self._total.position += len(memory)
