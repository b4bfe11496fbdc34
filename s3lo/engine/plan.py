"""Plan: how blobs become parts. Pure: sizes in, ranges out.

Limits of S3 are in ``model.part_sizes``. Downloads have none; their parts are aligned to 4 KiB so
that they fall on page boundaries of the file.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence

from msgspec import Struct

from s3lo.model.part_sizes import aligned

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40

WRITE_BYTES = 256 * KIB
"""Of one system call that writes to a file, and where it ends: at a multiple of this. Larger ones get larger
folios in the page cache (Linux 6.18, ext4): 4 x 1 GiB took 1.01 to 1.03 of the time with 128 KiB, 0.99 with 512
KiB, 0.97 to 1.01 with 1 MiB. But the larger they are, the sooner they are memory that a virtual machine has given
back: on one that had, 2.2 to 2.6 s of system time with 1 MiB, 0.8 to 1.4 with 256 KiB.

A folio begins at a multiple of its size: for 256 KiB that began elsewhere, a dozen were made of 4 to 128 KiB, and
the disk was given as many pieces."""
_MANY_WRITES_BYTES = 32 * WRITE_BYTES
"""Parts of so much and more begin where a write should: 4 x 1 GiB in parts of 48 MiB that began on any page took
1.04 +-0.01 of the time (6 rounds in turn). Smaller ones would become smaller yet by more than a few hundredths."""

PARTS_PER_BLOB = 32
"""Of a large blob that is sent, at least. 4 x 1 GiB to an origin on the same two cores took 1.34 CPU
seconds per GB in parts of 32 MiB, the origin's among them, and 1.48 in parts of 8."""


class Range(Struct, frozen=True):
    """A part of one blob: ``length`` bytes from ``offset``, the blob being the ``blob``-th."""

    blob: int
    offset: int
    length: int


def sent_part_bytes(size: int, least: int, most: int, in_flight: int) -> int:
    """The part size to send a blob of ``size`` bytes by: larger for a large blob, for each part costs
    a request and a moment in which its connection has nothing to do, but so that there are as many as
    are in flight at once. Of nothing else that this push is about, so that one which goes on with the
    blob cuts it alike."""
    return min(most, max(least, aligned(size // max(PARTS_PER_BLOB, in_flight))))


Stretch = tuple[int, int]
"""Start and end of bytes of a blob."""


def ranges(blob: int, gaps: Sequence[Stretch], part_bytes: int) -> Iterator[Range]:
    """Cut what is missing of one blob into consecutive ranges that cover it once."""
    for start, end in gaps:
        for offset in range(start, end, part_bytes):
            yield Range(blob, offset, min(part_bytes, end - offset))


def gaps_between(present: Sequence[Stretch], size: int) -> list[Stretch]:
    """What of a blob is in none of these stretches, which may overlap and come in any order."""
    gaps, position = [], 0
    for start, end in sorted((s, min(e, size)) for s, e in present if s < min(e, size)):
        if start > position:
            gaps.append((position, start))
        position = max(position, end)
    return [*gaps, (position, size)] if position < size else gaps


def without(gaps: Sequence[Stretch], start: int, end: int) -> list[Stretch]:
    """What of some gaps is left when one more stretch has come."""
    around = (piece for a, b in gaps for piece in ((a, min(b, start)), (max(a, end), b)))
    return [(a, b) for a, b in around if a < b]


def end_first(gaps: list[Stretch], part_bytes: int) -> list[Stretch]:
    """The same gaps of a blob, the last part of the last one before all else: at its end a gzip or a
    seekable zstd file says how large its content is."""
    if not gaps:
        return gaps
    *before, (start, end) = gaps
    last = start + (end - start - 1) // part_bytes * part_bytes
    return [(last, end), *before, *([(start, last)] if start < last else [])]


class Cutting:
    """The ranges of many blobs in the order they are asked for, cut one by one.

    ``lanes`` blobs advance side by side, a part of each in turn, so that as many cores can hash:
    a blob's SHA-256 is serial, and one blob at a time would leave the others idle. When a blob has
    been asked for whole, the next one takes its lane. ``first`` says which lane begins: nodes that
    pull one image at one moment should not all ask for the same range.
    """

    def __init__(self, gaps: Sequence[Sequence[Stretch]], lanes: int, first: int = 0) -> None:
        self.left_bytes = sum(end - start for blob in gaps for start, end in blob)
        self._waiting = iter([(blob, deque(missing)) for blob, missing in enumerate(gaps)])
        self._active: deque[tuple[int, deque[Stretch]]] = deque()
        self._lanes = max(1, lanes)
        self._first = first

    def next(self, part_bytes: int) -> Range | None:
        """The next one, of no more than ``part_bytes``; None at the end."""
        self._fill_lanes()
        if not self._active:
            return None
        self._active.rotate(-self._first)
        self._first = 0
        blob, missing = self._active.popleft()
        start, end = missing.popleft()
        cut = min(end, start + part_bytes)
        if cut < end and part_bytes >= _MANY_WRITES_BYTES:
            cut -= cut % WRITE_BYTES
        if cut < end:
            missing.appendleft((cut, end))
        if missing:
            self._active.append((blob, missing))
        self.left_bytes -= cut - start
        return Range(blob, start, cut - start)

    def put_back(self, part: Range) -> None:
        """It has not come, and is to be cut once more, with what is missing beside it, before all else."""
        start, end = part.offset, part.offset + part.length
        missing = next((missing for blob, missing in self._active if blob == part.blob), None)
        if missing is not None:
            self._active.remove((part.blob, missing))
        apart: deque[Stretch] = deque()
        for stretch in missing or ():
            if stretch[1] == start or stretch[0] == end:
                start, end = min(start, stretch[0]), max(end, stretch[1])
            else:
                apart.append(stretch)
        apart.appendleft((start, end))
        self._active.appendleft((part.blob, apart))
        self.left_bytes += part.length

    def _fill_lanes(self) -> None:
        while len(self._active) < self._lanes and (blob := next(self._waiting, None)):
            if blob[1]:
                self._active.append(blob)


def sparing_part_bytes(left_bytes: int, cpus: int, interval_bytes: float = 0.0) -> int:
    """How large parts may become where fewer requests are better: as large as leaves each CPU four of
    what is still to be asked for.

    ``interval_bytes``: what a connection brings from one request that may begin to the next, where the
    service lets few begin. n parts of what is left have begun after n of these intervals, and the last
    of them then takes as long as a connection takes for its bytes: the sum of both is the least where a
    part is the geometric mean of what is left and what an interval brings.
    """
    return aligned(max(left_bytes // (4 * cpus), round(math.sqrt(left_bytes * interval_bytes))))
