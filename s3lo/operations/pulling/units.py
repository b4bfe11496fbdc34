"""Units: the blobs of an image as a row of marks, one for each unit of bytes. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from s3lo.engine.plan import Stretch
from s3lo.model.documents import Descriptor

_MOST = 16384
"""Of an image of large blobs; each small blob has one of its own besides."""
_LEAST_BYTES = 64 << 10


class Units:
    """Of one image, whose blobs are always in the same order. All are equally large, a power of two, but
    for the last one of each blob."""

    def __init__(self, blobs: Sequence[Descriptor]) -> None:
        total_bytes = sum(blob.size for blob in blobs)
        self.bytes_each = max(_LEAST_BYTES, 1 << max(0, -(-total_bytes // _MOST) - 1).bit_length())
        self.count = 0
        self._blobs: dict[str, tuple[int, int]] = {}
        """The first unit and the size, by digest."""
        for blob in blobs:
            self._blobs[str(blob.digest)] = (self.count, blob.size)
            self.count += -(-blob.size // self.bytes_each)

    def within(self, digest: str, start: int, end: int) -> slice:
        """Those that lie wholly within a stretch of a blob."""
        first, size = self._blobs[digest]
        before = -(-start // self.bytes_each)
        beyond = end // self.bytes_each if end < size else -(-size // self.bytes_each)
        return slice(first + before, first + max(before, beyond))

    def stretches(self, digest: str, marks: bytes | bytearray) -> tuple[Stretch, ...]:
        """Of a blob, the bytes whose units have a 1 in the row."""
        _, size = self._blobs[digest]
        each = self.bytes_each
        return tuple(
            (run.start() * each, min(run.end() * each, size))
            for run in re.finditer(b"1+", marks[self.within(digest, 0, size)])
        )
