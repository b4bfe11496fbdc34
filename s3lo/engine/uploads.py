"""Uploads: the requests of an upload, in order, and the stage of each blob.

    up to one part    HASHING → PUTTING → done
    more              BEGINNING → MOVING ⇄ (hashing beside it) → FINISHING → done

HASHING is passed over where the digest is known to be right. Nothing appears in the store before
its digest has been verified: a single PUT waits for it and carries the SHA-256 for the service to
check again; a multipart upload is finished only then.

Of the blobs that wait, a large one goes before a small one. More may come while others are moved.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from heapq import heappop, heappush
from itertools import count

from msgspec import Struct, field
from msgspec.structs import replace

from s3lo.engine import plan
from s3lo.engine.feed import Fed, NoMore, Offered
from s3lo.engine.jobs import Abort, Begin, Done, Failed, Finish, Hashed, Job, Put, PutPart
from s3lo.engine.settings import EngineSettings
from s3lo.engine.transfers import Upload
from s3lo.engine.verifier import Verifier
from s3lo.errors import DigestMismatch, UsageError
from s3lo.events import BlobDone, BytesMoved, Observer
from s3lo.model.multipart import StoredPart


class _Stage(Enum):
    HASHING = auto()
    PUTTING = auto()
    BEGINNING = auto()
    MOVING = auto()
    FINISHING = auto()


class _Progress(Struct):
    stage: _Stage
    is_verified: bool
    upload_id: str = ""
    waiting: Iterator[plan.Range] = field(default_factory=lambda: iter(()))
    parts_left: int = 0
    is_checked: bool = False
    stored: list[StoredPart] = field(default_factory=list)
    untold: list[plan.Stretch] = field(default_factory=list)
    """A heap of what is stored and, for all that is known, yet to be hashed."""


class Uploads:
    """The work of one upload, for a coordinator to drive."""

    def __init__(
        self,
        blobs: Sequence[Upload],
        settings: EngineSettings,
        verifier: Verifier,
        observer: Observer,
        *,
        more_come: bool = False,
    ) -> None:
        self._part_bytes = settings.part_size_bytes
        self._lanes = max(settings.cpus, settings.max_in_flight)
        self._verifier = verifier
        self._observe = observer
        self._ids = count()
        self._numbers = count()
        self._blobs: dict[int, Upload] = {}
        """All that are not done."""
        self._unopened: list[tuple[int, int]] = []
        """A heap of negative sizes and numbers."""
        self._active: dict[int, _Progress] = {}
        self._ready: deque[Job] = deque()
        self._moving: deque[int] = deque()
        self._more_come = more_come
        for blob in blobs:
            self._take(blob)

    @property
    def is_finished(self) -> bool:
        return not (self._blobs or self._more_come)

    def fed(self, news: Fed) -> None:
        match news:
            case Offered(blob):
                self._take(blob)
            case NoMore(error):
                self._more_come = False
                if error is not None:
                    raise error

    def next_job(self, *, spares_requests: bool = False) -> Job | None:
        del spares_requests  # how many parts an upload has is told when it begins
        while not self._ready and self._unopened and len(self._active) < self._lanes:
            _, number = heappop(self._unopened)
            self._open(number)
        return self._ready.popleft() if self._ready else self._next_part()

    def done(self, job: Job, outcome: Done) -> None:
        progress = self._active[job.blob]
        match job:
            case Begin():
                self._begun(job.blob, progress, outcome)
            case PutPart():
                progress.stored.append(StoredPart(job.number, outcome.value, outcome.checksum))
                progress.parts_left -= 1
                heappush(progress.untold, (job.offset, job.offset + job.length))
                self._tell_stored(job.blob, progress)
                self._observe(BytesMoved("transfer", job.length))
                self._finish_if_complete(job.blob, progress)
            case Put():
                self._blobs[job.blob].stored(0, job.length)
                self._observe(BytesMoved("transfer", job.length))
                self._complete(job.blob)
            case Finish():
                self._complete(job.blob)

    def again(self, job: Job, failed: Failed | None) -> Job:
        del failed
        return replace(job, is_repeat=True) if isinstance(job, Finish) else job

    def homeless(self, blobs: Sequence[int]) -> None:
        del blobs  # what is sent is hashed here

    def hashed(self, result: Hashed) -> None:
        if result.error:
            raise result.error
        blob = self._blobs[result.blob]
        if result.hex != blob.digest.hex:
            raise DigestMismatch(
                f"{blob.path} has the content sha256:{result.hex} where {blob.digest} is expected",
                hint="The source is damaged; nothing of it was stored.",
            )
        progress = self._active[result.blob]
        progress.is_verified = True
        self._tell_stored(result.blob, progress)
        if progress.stage is _Stage.HASHING:
            self._put(result.blob, progress)
        else:
            self._finish_if_complete(result.blob, progress)

    def abandon(self) -> list[Abort]:
        """Multipart uploads that are open, to be given up."""
        return [
            Abort(next(self._ids), number, self._blobs[number].key, progress.upload_id)
            for number, progress in self._active.items()
            if progress.upload_id
        ]

    def _take(self, blob: Upload) -> None:
        if blob.size > plan.MAX_OBJECT_BYTES:
            raise UsageError(f"{blob.digest} is larger than an S3 object can be (5 TiB)")
        number = next(self._numbers)
        self._blobs[number] = blob
        heappush(self._unopened, (-blob.size, number))

    def _open(self, number: int) -> None:
        blob = self._blobs[number]
        is_single = blob.size <= self._part_bytes
        stage = _Stage.HASHING if is_single else _Stage.BEGINNING
        progress = self._active[number] = _Progress(stage, blob.is_verified)
        if not blob.is_verified:
            self._verifier.add(number, str(blob.path), blob.size, blob.offset)
            self._verifier.arrived(number, 0, blob.size)
        if not is_single:
            self._ready.append(Begin(next(self._ids), number, blob.key, blob.size, blob.headers))
        elif blob.is_verified:
            self._put(number, progress)

    def _put(self, number: int, progress: _Progress) -> None:
        blob = self._blobs[number]
        progress.stage = _Stage.PUTTING
        checksum = ("x-amz-checksum-sha256", blob.digest.base64)
        self._ready.append(
            Put(
                id=next(self._ids),
                blob=number,
                key=blob.key,
                path=str(blob.path),
                file_offset=blob.offset,
                length=blob.size,
                headers=(*blob.headers, checksum),
            )
        )

    def _begun(self, number: int, progress: _Progress, outcome: Done) -> None:
        size = self._blobs[number].size
        part_bytes = plan.upload_part_bytes(size, self._part_bytes)
        progress.stage = _Stage.MOVING
        progress.upload_id = outcome.value
        progress.is_checked = bool(outcome.checksum)
        progress.waiting = plan.ranges(number, [(0, size)], part_bytes)
        progress.parts_left = -(-size // part_bytes)
        self._moving.append(number)

    def _next_part(self) -> Job | None:
        """A part of each open upload in turn."""
        while self._moving:
            number = self._moving.popleft()
            part = next(self._active[number].waiting, None)
            if part is not None:
                self._moving.append(number)
                return self._put_part(number, part)
        return None

    def _put_part(self, number: int, part: plan.Range) -> PutPart:
        blob, progress = self._blobs[number], self._active[number]
        part_bytes = plan.upload_part_bytes(blob.size, self._part_bytes)
        return PutPart(
            id=next(self._ids),
            blob=number,
            key=blob.key,
            upload_id=progress.upload_id,
            number=1 + part.offset // part_bytes,
            path=str(blob.path),
            file_offset=blob.offset + part.offset,
            offset=part.offset,
            length=part.length,
            is_checked=progress.is_checked,
        )

    def _finish_if_complete(self, number: int, progress: _Progress) -> None:
        if progress.stage is not _Stage.MOVING or progress.parts_left or not progress.is_verified:
            return
        progress.stage = _Stage.FINISHING
        parts = tuple(sorted(progress.stored, key=lambda part: part.number))
        blob = self._blobs[number]
        self._ready.append(
            Finish(next(self._ids), number, blob.key, progress.upload_id, parts, blob.size)
        )

    def _tell_stored(self, number: int, progress: _Progress) -> None:
        """Tell of what is stored and hashed."""
        blob = self._blobs[number]
        hashed = blob.size if progress.is_verified else self._verifier.position(number)
        while progress.untold and progress.untold[0][1] <= hashed:
            start, end = heappop(progress.untold)
            blob.stored(start, end - start)

    def _complete(self, number: int) -> None:
        blob = self._blobs.pop(number)
        del self._active[number]
        self._observe(BlobDone(str(blob.digest), blob.size))
