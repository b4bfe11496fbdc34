"""Stored ranges: what of a blob is stored, and what of that its owner has been told of."""

from __future__ import annotations

from heapq import heappop, heappush

from s3lo.engine.plan import Stretch, gaps_between
from s3lo.engine.transfers import Upload


class StoredRanges:
    """For one blob that is sent in parts."""

    def __init__(self, blob: Upload) -> None:
        self._blob = blob
        self._untold: list[Stretch] = []
        """A heap."""
        self._told: list[Stretch] = []

    def add(self, start: int, end: int) -> None:
        """It is stored."""
        heappush(self._untold, (start, end))

    def forget(self) -> None:
        """Nothing is stored any more; nothing has been told of."""
        assert not self._told
        self._untold = []

    def tell(self, hashed_bytes: int) -> None:
        """Tell of what is stored and, up to here, hashed."""
        while self._untold and self._untold[0][1] <= hashed_bytes:
            self._tell(heappop(self._untold))

    def tell_all(self) -> None:
        """All of it is stored, whoever did it."""
        for stretch in gaps_between(self._told, self._blob.size):
            self._tell(stretch)

    def _tell(self, stretch: Stretch) -> None:
        start, end = stretch
        self._told.append(stretch)
        self._blob.stored(start, end - start)
