"""Audit: blobs that are read to prove that they are what their names say, and kept nowhere.

waiting → being read → whole → (hashed) → good
              ↑__________________| digest mismatch, once: it is read again; twice is damage

A blob has one part under way, which is hashed as it comes. Only when no other blob is waiting do more
of its parts come at one time, as many as may be kept in memory until it is their turn.

Damage is told and gone on from: what one blob is like says nothing of the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import count

from msgspec import Struct, field
from msgspec.structs import replace

from s3lo.engine.jobs import Abort, Done, Failed, Get, Hashed, Job
from s3lo.engine.plan import MIB
from s3lo.engine.settings import EngineSettings
from s3lo.engine.transfers import DAMAGED, Stored
from s3lo.engine.upload.feed import Fed
from s3lo.errors import DigestMismatch, S3loError, ServiceError
from s3lo.events import BlobDone, BytesMoved, Note, Observer
from s3lo.model.digest import Digest

PHASE = "content"
AHEAD_BYTES = 96 * MIB
"""Of parts under way or kept, of all blobs, where one blob may have more than one."""
MOST_PART_BYTES = 16 * MIB
LAST_PART_BYTES = 2 * MIB
"""When no other blob is waiting: small, so that as many as slow connections ask for are ahead."""
MOST_PATIENCE_SECONDS = 60.0
MOST_FAILURES = 16
"""Blobs, one after the other, that the service did not serve: then it is the service."""
_READINGS = 3
"""How often a blob that is replaced while it is read is begun anew."""
_EMPTY = Digest.of(b"")

Told = Callable[[Stored, S3loError], None]


class _Reading(Struct):
    """A blob that is being read. One that is begun anew is another reading."""

    blob: Stored
    tries: int = 1
    is_second: bool = False
    """It did not match when it was read before."""
    etag: str = ""
    cut_bytes: int = 0
    passed_bytes: int = 0
    """Read without a gap from the beginning on."""
    ahead: dict[int, int] = field(default_factory=dict)
    """Start and end of what has been read beyond a gap."""
    told_bytes: int = 0

    @property
    def under_way_bytes(self) -> int:
        return self.cut_bytes - self.passed_bytes

    @property
    def is_cut(self) -> bool:
        return self.cut_bytes == self.blob.size


class Audit:
    """The work of one audit, for a coordinator to drive."""

    def __init__(
        self,
        blobs: Iterable[Stored],
        settings: EngineSettings,
        told: Told,
        observer: Observer,
        *,
        reads_ahead: bool,
        on_sockets: bool,
    ) -> None:
        """``blobs`` are asked for one by one. ``told`` is called with each that is not what its name
        says, or could not be read. ``on_sockets``: parts may be larger where these are welcome."""
        self._waiting = iter(blobs)
        self._part_bytes = min(MOST_PART_BYTES, settings.part_size_bytes)
        self._most_part_bytes = min(MOST_PART_BYTES, settings.most_part_bytes) * on_sockets
        self._told = told
        self._observe = observer
        self._ahead_bytes = min(AHEAD_BYTES, settings.memory_limit_bytes // 2) * reads_ahead
        self._ids = count()
        self._numbers = count()
        self._readings: dict[int, _Reading] = {}
        self._resting: deque[int] = deque()
        """Readings with nothing under way, and more to come."""
        self._under_way_bytes = 0
        self._failures = 0
        self._next: Stored | None = None
        self._advance()

    @property
    def reused_bytes(self) -> int:
        return 0

    @property
    def is_finished(self) -> bool:
        return self._next is None and not self._readings

    def next_job(self, welcome_bytes: int = 0, interval_bytes: float = 0.0) -> Job | None:
        del interval_bytes  # how much is left is not known
        part_bytes = max(self._part_bytes, min(welcome_bytes, self._most_part_bytes))
        if self._next is None:
            part_bytes = min(part_bytes, LAST_PART_BYTES)
        while self._resting:
            number = self._resting.popleft()
            if number in self._readings:
                return self._cut(number, part_bytes)
        if self._next is not None:
            blob = self._next
            self._advance()
            return self._cut(self._begin(_Reading(blob)), part_bytes)
        return self._cut_ahead(part_bytes)

    def take_back(self, job: Job) -> bool:
        del job
        return False  # what was refused is next in its blob

    def done(self, job: Job, outcome: Done) -> None:
        assert isinstance(job, Get)
        reading = self._readings.get(job.blob)
        if reading is None:
            return
        reading.etag = reading.etag or outcome.value
        reading.ahead[job.offset] = job.offset + job.length
        before = reading.passed_bytes
        while (end := reading.ahead.pop(reading.passed_bytes, None)) is not None:
            reading.passed_bytes = end
        self._under_way_bytes -= reading.passed_bytes - before
        self._tell_moved(reading, job.length)
        if not reading.under_way_bytes and not reading.is_cut:
            self._resting.append(job.blob)

    def hashed(self, result: Hashed) -> None:
        reading = self._readings.get(result.blob)
        if reading is None:
            return
        blob = reading.blob
        if result.hex == blob.digest.hex:
            # The outcome of its last part may come after this.
            self._tell_moved(reading, blob.size - reading.told_bytes)
            self._end(result.blob)
            self._failures = 0
            self._observe(BlobDone(str(blob.digest), blob.size))
        elif reading.is_second:
            self._found(result.blob, mismatch(blob, result.hex))
        else:
            self._begin_anew(result.blob, is_second=True)

    def failed(self, job: Job, failed: Failed) -> None:
        reading = self._readings.get(job.blob)
        if reading is None:
            return
        self._failures = self._failures + 1 if isinstance(failed.error, ServiceError) else 0
        if self._failures > MOST_FAILURES:
            raise failed.error
        self._found(job.blob, failed.error)

    def again(self, job: Job, failed: Failed | None) -> Job | None:
        assert isinstance(job, Get)
        reading = self._readings.get(job.blob)
        if reading is None:
            return None
        if failed and failed.replaced:
            if reading.tries == _READINGS:
                self._found(job.blob, failed.error)
            else:
                self._observe(Note(f"{job.key} was replaced while it was being read", level=1))
                self._begin_anew(job.blob, tries=reading.tries + 1)
            return None
        patience = min(2 * job.patience_seconds, MOST_PATIENCE_SECONDS)
        return replace(job, etag=reading.etag, patience_seconds=patience)

    def homeless(self, blobs: Sequence[int]) -> None:
        """What a lost worker had hashed is lost with it."""
        for number in blobs:
            if number in self._readings:
                self._begin_anew(number)

    def fed(self, news: Fed) -> None:
        raise AssertionError(f"all that is read is known beforehand: {news}")

    def abandon(self) -> list[Abort]:
        """What must be undone in the store when this ends early: nothing."""
        return []

    def _advance(self) -> None:
        """To the next blob of which there is something to read."""
        while (blob := next(self._waiting, None)) is not None and not blob.size:
            if blob.digest == _EMPTY:
                self._observe(BlobDone(str(blob.digest), 0))
            else:
                self._told(blob, mismatch(blob, _EMPTY.hex))
        self._next = blob

    def _begin(self, reading: _Reading) -> int:
        number = next(self._numbers)
        self._readings[number] = reading
        return number

    def _begin_anew(self, number: int, *, tries: int = 0, is_second: bool = False) -> None:
        old = self._end(number)
        self._tell_moved(old, -old.told_bytes)
        is_second = is_second or old.is_second
        self._resting.append(self._begin(_Reading(old.blob, tries or old.tries, is_second)))

    def _end(self, number: int) -> _Reading:
        reading = self._readings.pop(number)
        self._under_way_bytes -= reading.under_way_bytes
        return reading

    def _found(self, number: int, error: S3loError) -> None:
        """It is not well."""
        reading = self._end(number)
        self._tell_moved(reading, reading.blob.size - reading.told_bytes)
        self._told(reading.blob, error)

    def _cut(self, number: int, part_bytes: int) -> Job:
        reading = self._readings[number]
        start = reading.cut_bytes
        reading.cut_bytes = min(reading.blob.size, start + part_bytes)
        self._under_way_bytes += reading.cut_bytes - start
        return Get(
            id=next(self._ids),
            blob=number,
            key=reading.blob.key,
            offset=start,
            length=reading.cut_bytes - start,
            object_size=reading.blob.size,
            path="",
            etag=reading.etag,
            is_hashed=True,
        )

    def _cut_ahead(self, part_bytes: int) -> Job | None:
        """One more part of the blob that has the fewest bytes under way."""
        if self._under_way_bytes + part_bytes > self._ahead_bytes:
            return None
        uncut = [(r.under_way_bytes, n) for n, r in self._readings.items() if not r.is_cut]
        return self._cut(min(uncut)[1], part_bytes) if uncut else None

    def _tell_moved(self, reading: _Reading, bytes_: int) -> None:
        reading.told_bytes += bytes_
        if bytes_:
            self._observe(BytesMoved(PHASE, bytes_))


def mismatch(blob: Stored, found_hex: str) -> DigestMismatch:
    """The error for content that is not what its name says."""
    return DigestMismatch(
        f"{blob.key} has the content sha256:{found_hex}, read twice", hint=DAMAGED
    )
