"""Arrivals: which blobs of a running transfer are there and verified, for who uses them meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Condition

from s3lo.errors import Interrupted
from s3lo.events import BlobDone, Event, Observer
from s3lo.model.digest import Digest


class Arrivals:
    """The transfer's observer: passes events on, and remembers what they say."""

    def __init__(self, observer: Observer, expected: Iterable[Digest]) -> None:
        self._observe = observer
        self._missing = {str(digest) for digest in expected}
        self._changed = Condition()
        self._is_over = False

    def observe(self, event: Event) -> None:
        self._observe(event)
        if isinstance(event, BlobDone):
            with self._changed:
                self._missing.discard(event.digest)
                self._changed.notify_all()

    def wait_for(self, digest: Digest, end: int) -> None:
        """Return when the blob is there and verified, all of it whatever the ``end`` that is asked
        for; raises Interrupted where the transfer ended without it."""
        del end
        name = str(digest)
        with self._changed:
            while name in self._missing:
                if self._is_over:
                    raise Interrupted(f"the transfer ended before {digest} was there")
                self._changed.wait()

    def end(self) -> None:
        """The transfer is over, well or not."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
