"""Arrivals: what of a running transfer's blobs is there, for who uses them meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Condition

from msgspec import Struct

from s3lo.engine.plan import Stretch, gaps_between, without
from s3lo.engine.transfers import Download
from s3lo.errors import Interrupted
from s3lo.events import BlobAgain, BlobDone, Event, Observer, PartDone
from s3lo.model.digest import Digest


class _Blob(Struct):
    size: int
    missing: list[Stretch]
    is_proven: bool = False
    is_another: bool = False
    """What came first was wrong."""


class Arrivals:
    """The transfer's observer: passes events on, and remembers what they say."""

    def __init__(self, observer: Observer, expected: Iterable[Download]) -> None:
        self._observe = observer
        self._blobs = {
            str(each.digest): _Blob(each.size, gaps_between(each.present, each.size))
            for each in expected
        }
        self._changed = Condition()
        self._is_over = False

    def observe(self, event: Event) -> None:
        self._observe(event)
        if not isinstance(event, PartDone | BlobDone | BlobAgain):
            return
        with self._changed:
            if blob := self._blobs.get(event.digest):
                _note(blob, event)
                self._changed.notify_all()

    def wait_for(self, digest: Digest, start: int, end: int) -> None:
        """Return when these bytes of the blob are in its file; raises Interrupted where the transfer
        ended without them."""

        def is_there(blob: _Blob) -> bool:
            # An empty blob misses nothing, and has no file before it is done.
            is_begun = bool(blob.size) or blob.is_proven
            return is_begun and not any(a < end and start < b for a, b in blob.missing)

        self._wait(digest, is_there)

    def wait_until_proven(self, digest: Digest) -> bool:
        """Return when the blob is there and verified, with whether all that was ever there of it is
        the same; raises Interrupted where the transfer ended without it."""
        blob = self._wait(digest, lambda blob: blob.is_proven)
        return blob is None or not blob.is_another

    def end(self) -> None:
        """The transfer is over, well or not."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _wait(self, digest: Digest, is_there: Callable[[_Blob], bool]) -> _Blob | None:
        """A blob of the transfer, once it is as wanted; None where it has nothing to do with it."""
        blob = self._blobs.get(str(digest))
        with self._changed:
            while blob and not is_there(blob):
                if self._is_over:
                    raise Interrupted(f"the transfer ended before {digest} was there")
                self._changed.wait()
        return blob


def _note(blob: _Blob, event: PartDone | BlobDone | BlobAgain) -> None:
    match event:
        case PartDone(_, offset, length):
            blob.missing = without(blob.missing, offset, offset + length)
        case BlobDone():
            # Some engines tell of whole blobs only.
            blob.missing, blob.is_proven = [], True
        case BlobAgain():
            blob.missing, blob.is_another = [(0, blob.size)], True
