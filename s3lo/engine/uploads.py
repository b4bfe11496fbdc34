"""Uploads: the requests of an upload, in order, and the stage of each blob.

    up to one part    HASHING → PUTTING → done
    more              BEGINNING → MOVING ⇄ (hashing beside it) → FINISHING → done

HASHING is passed over where the digest is known to be right, or the worker that sends the blob hashes
it, as it does on sockets. Nothing appears in the store before its digest has been verified: a single
PUT waits for it and carries the SHA-256 for the service to check again; a multipart upload is finished
only then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from itertools import count

from msgspec import Struct, field
from msgspec.structs import replace

from s3lo.engine import plan
from s3lo.engine.jobs import Abort, Begin, Done, Failed, Finish, Hashed, Job, Put, PutPart
from s3lo.engine.settings import EngineSettings
from s3lo.engine.transfers import Upload, damaged_source
from s3lo.engine.verifier import Verifier
from s3lo.errors import UsageError
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
    is_hashed_there: bool = False
    """By the worker that sends it."""
    stored: list[StoredPart] = field(default_factory=list)


class Uploads:
    """The work of one upload, for a coordinator to drive."""

    def __init__(
        self,
        blobs: Sequence[Upload],
        settings: EngineSettings,
        verifier: Verifier,
        observer: Observer,
        *,
        on_sockets: bool,
    ) -> None:
        self._blobs = sorted(blobs, key=lambda blob: -blob.size)
        self._part_bytes = settings.part_size_bytes
        self._lanes = max(settings.cpus, settings.max_in_flight)
        self._workers_hash = on_sockets
        self._verifier = verifier
        self._observe = observer
        self._ids = count()
        self._unopened = iter(range(len(self._blobs)))
        self._active: dict[int, _Progress] = {}
        self._ready: deque[Job] = deque()
        self._moving: deque[int] = deque()
        self._left = len(self._blobs)
        if self._blobs and self._blobs[0].size > plan.MAX_OBJECT_BYTES:
            raise UsageError(f"{self._blobs[0].digest} is larger than an S3 object can be (5 TiB)")

    @property
    def is_finished(self) -> bool:
        return self._left == 0

    def next_job(self, *, spares_requests: bool = False) -> Job | None:
        del spares_requests  # how many parts an upload has is told when it begins
        while not self._ready and len(self._active) < self._lanes:
            number = next(self._unopened, None)
            if number is None:
                break
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
                self._observe(BytesMoved("transfer", job.length))
                self._finish_if_complete(job.blob, progress)
            case Put():
                self._observe(BytesMoved("transfer", job.length))
                self._complete(job.blob)
            case Finish():
                self._complete(job.blob)

    def again(self, job: Job, failed: Failed | None) -> Job:
        match job:
            case Finish():
                return replace(job, is_repeat=True)
            case PutPart(is_hashed=True):
                is_left = not (failed and failed.was_hashed)
                there = self._active[job.blob].is_hashed_there
                return replace(job, is_hashed=is_left and there)
        return job

    def homeless(self, blobs: Sequence[int]) -> None:
        for number in blobs:
            progress = self._active.get(number)
            if progress and progress.is_hashed_there and not progress.is_verified:
                progress.is_hashed_there = False
                self._hash_here(number)

    def hashed(self, result: Hashed) -> None:
        if result.error:
            raise result.error
        blob = self._blobs[result.blob]
        if result.hex != blob.digest.hex:
            raise damaged_source(blob.path, result.hex, blob.digest)
        progress = self._active[result.blob]
        progress.is_verified = True
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

    def _open(self, number: int) -> None:
        blob = self._blobs[number]
        is_single = blob.size <= self._part_bytes
        stage = _Stage.HASHING if is_single else _Stage.BEGINNING
        progress = self._active[number] = _Progress(stage, blob.is_verified)
        progress.is_hashed_there = self._workers_hash and not blob.is_verified
        if not (blob.is_verified or self._workers_hash):
            self._hash_here(number)
        if not is_single:
            self._ready.append(Begin(next(self._ids), number, blob.key, blob.size, blob.headers))
        elif blob.is_verified or self._workers_hash:
            self._put(number, progress)

    def _hash_here(self, number: int) -> None:
        blob = self._blobs[number]
        self._verifier.add(number, str(blob.path), blob.size, blob.offset)
        self._verifier.arrived(number, 0, blob.size)

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
                digest=blob.digest if progress.is_hashed_there else None,
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
            object_size=blob.size,
            is_hashed=progress.is_hashed_there,
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

    def _complete(self, number: int) -> None:
        blob = self._blobs[number]
        del self._active[number]
        self._left -= 1
        self._observe(BlobDone(str(blob.digest), blob.size))
