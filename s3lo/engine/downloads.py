"""Downloads: the parts of a download, in order, and what is known of each blob.

asked for → arriving → complete → (hashed) → verified
                ↑__________________| digest mismatch, once: the blob is fetched again

A blob is hashed by the worker that receives it on sockets, and else by the verifier of this process,
which also takes over what a lost worker was hashing.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from itertools import count

from msgspec import Struct, field
from msgspec.structs import replace

from s3lo import files
from s3lo.engine import plan
from s3lo.engine.jobs import Abort, Done, Failed, Get, Hashed, Job
from s3lo.engine.settings import EngineSettings
from s3lo.engine.transfers import DAMAGED, Download
from s3lo.engine.upload.feed import Fed
from s3lo.engine.verifier import Verifier
from s3lo.engine.write_behind import WriteBehind
from s3lo.errors import DigestMismatch
from s3lo.events import BlobAgain, BlobDone, BytesMoved, Note, Observer, PartDone

_MOST_PATIENCE_SECONDS = 60.0


class _Arrival(Struct):
    """A blob on its way. ``etag`` names the object that its parts come from."""

    left_bytes: int
    is_hashed_there: bool
    etag: str = ""
    pieces: list[tuple[int, int]] = field(default_factory=list)
    """Start and end of what is in the file, for who may have to hash it from the beginning."""


class Downloads:
    """The work of one download, for a coordinator to drive."""

    def __init__(
        self,
        blobs: Sequence[Download],
        settings: EngineSettings,
        verifier: Verifier,
        observer: Observer,
        *,
        on_sockets: bool,
        in_order: bool = False,
        behind: WriteBehind | None = None,
    ) -> None:
        # The largest first: what is left for the end is then small, and the cores end together.
        self._blobs = list(blobs) if in_order else sorted(blobs, key=lambda blob: -blob.size)
        self._part_bytes = settings.part_size_bytes
        self._most_part_bytes = settings.most_part_bytes
        self._cpus = settings.cpus
        self._in_order = in_order
        self._verify = settings.verify
        self._workers_make_files = on_sockets
        self._workers_hash = on_sockets and settings.verify
        self._verifier = verifier
        self._observe = observer
        self._behind = behind or WriteBehind()
        self._ids = count()
        gaps = [plan.gaps_between(blob.present, blob.size) for blob in self._blobs]
        if in_order:
            gaps = [plan.end_first(missing, self._part_bytes) for missing in gaps]
        # As many side by side as are received at once: most parts then come in their blob's order.
        # Where the first blobs are wanted first, as many as cores can hash.
        at_once = 0 if in_order else settings.wanted_in_flight
        lanes = max(settings.cpus, at_once)
        first = 0 if in_order else random.randrange(lanes)
        self._cutting = plan.Cutting(gaps, lanes, first)
        self._reused_bytes = sum(blob.size for blob in self._blobs) - self._cutting.left_bytes
        self._again: deque[plan.Range] = deque()
        self._arriving: dict[int, _Arrival] = {}
        self._fetched_twice: set[int] = set()
        self._left = len(self._blobs)
        for number, missing in enumerate(gaps):
            if not missing:
                self._open(number, self._blobs[number].present)

    @property
    def reused_bytes(self) -> int:
        return self._reused_bytes

    @property
    def is_finished(self) -> bool:
        return self._left == 0

    def next_job(self, welcome_bytes: int = 0, interval_bytes: float = 0.0) -> Job | None:
        part = self._again.popleft() if self._again else self._cut(welcome_bytes, interval_bytes)
        if part is None:
            return None
        if part.blob not in self._arriving:
            self._open(part.blob, self._blobs[part.blob].present, part.length)
        blob, arrival = self._blobs[part.blob], self._arriving[part.blob]
        return Get(
            id=next(self._ids),
            blob=part.blob,
            key=blob.key,
            offset=part.offset,
            length=part.length,
            object_size=blob.size,
            path=str(blob.path),
            etag=arrival.etag,
            is_hashed=arrival.is_hashed_there,
        )

    def take_back(self, job: Job) -> bool:
        assert isinstance(job, Get)
        is_whole = job.length == job.object_size  # its file may not be there yet
        if self._in_order or is_whole:
            return False
        self._cutting.put_back(plan.Range(job.blob, job.offset, job.length))
        return True

    def _cut(self, welcome_bytes: int, interval_bytes: float) -> plan.Range | None:
        left_bytes = self._cutting.left_bytes
        for_all = plan.sparing_part_bytes(left_bytes, self._cpus, interval_bytes)
        larger = min(welcome_bytes, self._most_part_bytes, for_all)
        return self._cutting.next(max(self._part_bytes, larger))

    def done(self, job: Job, outcome: Done) -> None:
        assert isinstance(job, Get)
        arrival = self._arriving[job.blob]
        arrival.etag = arrival.etag or outcome.value
        arrival.left_bytes -= job.length
        self._observe(BytesMoved("transfer", job.length))
        self._behind.came(job.path, job.offset, job.length)
        digest = str(self._blobs[job.blob].digest)
        self._observe(PartDone(digest, job.offset, job.length))
        piece = (job.offset, job.offset + job.length)
        if arrival.is_hashed_there:
            arrival.pieces.append(piece)
        elif self._verify:
            self._verifier.arrived(job.blob, *piece)
        elif arrival.left_bytes == 0:
            self._complete(job.blob)

    def failed(self, job: Job, failed: Failed) -> None:
        del job
        raise failed.error

    def fed(self, news: Fed) -> None:
        raise AssertionError(f"all that is fetched is known beforehand: {news}")

    def again(self, job: Job, failed: Failed | None) -> Job:
        """As it is to be asked for now.

        An object that was replaced may hold the same bytes as before: its other parts are asked for
        without a condition, and the digest tells. Unverified, nothing would.
        """
        assert isinstance(job, Get)
        arrival = self._arriving[job.blob]
        if failed and failed.replaced:
            if not self._verify:
                raise failed.error
            if job.etag == arrival.etag:
                arrival.etag = ""
                self._observe(Note(f"{job.key} was replaced while it was being fetched", level=1))
        patience = min(2 * job.patience_seconds, _MOST_PATIENCE_SECONDS)
        return replace(
            job,
            etag=arrival.etag,
            is_hashed=arrival.is_hashed_there,
            patience_seconds=patience,
        )

    def homeless(self, blobs: Sequence[int]) -> None:
        for number in blobs:
            arrival = self._arriving.get(number)
            if arrival is None or not arrival.is_hashed_there:
                continue
            arrival.is_hashed_there = False
            self._verifier.add(number, str(self._blobs[number].path), self._blobs[number].size)
            for piece in arrival.pieces:
                self._verifier.arrived(number, *piece)

    def hashed(self, result: Hashed) -> None:
        if result.error:
            raise result.error
        blob = self._blobs[result.blob]
        if result.hex == blob.digest.hex:
            self._complete(result.blob)
        elif result.blob in self._fetched_twice:
            blob.path.unlink(missing_ok=True)
            raise DigestMismatch(
                f"{blob.key} has the content sha256:{result.hex}, fetched twice",
                hint=DAMAGED,
            )
        else:
            self._fetch_again(result.blob)

    def abandon(self) -> list[Abort]:
        """What must be undone in the store when this ends early: nothing."""
        return []

    def _open(
        self, number: int, present: Sequence[plan.Stretch] = (), first_part_bytes: int = 0
    ) -> None:
        """Make a blob's file, or go on with what is in it, which is hashed here."""
        blob = self._blobs[number]
        is_one_part = 0 < blob.size == first_part_bytes
        if not (is_one_part and self._workers_make_files):
            files.preallocate(blob.path, blob.size, keep=bool(present))
        missing = plan.gaps_between(present, blob.size)
        left_bytes = sum(end - start for start, end in missing)
        hashed_there = self._workers_hash and blob.size > 0 and not present
        self._arriving[number] = _Arrival(left_bytes, hashed_there)
        if not self._verify:
            if left_bytes == 0:
                self._complete(number)
        elif not hashed_there:
            self._verifier.add(number, str(blob.path), blob.size)
            for piece in plan.gaps_between(missing, blob.size):
                self._verifier.arrived(number, *piece)

    def _fetch_again(self, number: int) -> None:
        """The first mismatch may have happened on the way here; a second one did not."""
        self._fetched_twice.add(number)
        blob = self._blobs[number]
        self._observe(BytesMoved("transfer", -blob.size))
        self._observe(BlobAgain(str(blob.digest)))
        self._open(number)
        self._again.extend(plan.ranges(number, [(0, blob.size)], self._part_bytes))

    def _complete(self, number: int) -> None:
        blob = self._blobs[number]
        del self._arriving[number]
        self._left -= 1
        self._observe(BlobDone(str(blob.digest), blob.size))
