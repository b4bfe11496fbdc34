"""Multipart upload: a blob that is sent in parts, each of them hashed beside its way.

BEGINNING → MOVING → FINISHING → STORED
               ↓         ↓          ↑
               └───→ LOOKING → GIVING_UP   another push has stored the blob meanwhile
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from heapq import heappop, heappush

from s3lo.engine import plan
from s3lo.engine.jobs import Abort, Begin, Done, Failed, Finish, Job, Look, PutPart
from s3lo.engine.sending import Sending, look
from s3lo.engine.transfers import Upload
from s3lo.errors import NotFoundError, RefusedError
from s3lo.events import BytesMoved
from s3lo.model.multipart import StoredPart


class _Stage(Enum):
    BEGINNING = auto()
    MOVING = auto()
    FINISHING = auto()
    LOOKING = auto()
    GIVING_UP = auto()
    STORED = auto()


class MultipartUpload:
    """A Sender. The object is made only when the digest is known to be right."""

    def __init__(self, number: int, blob: Upload, sending: Sending) -> None:
        self._number = number
        self._blob = blob
        self._sending = sending
        self._part_bytes = plan.upload_part_bytes(blob.size, sending.part_bytes)
        self._stage = _Stage.BEGINNING
        self._is_proven = blob.is_verified
        self._upload_id = ""
        self._is_checked = False
        self._if_absent = blob.if_absent
        self._waiting: Iterator[plan.Range] = iter(())
        self._stored: dict[int, StoredPart] = {}
        self._untold: list[plan.Stretch] = []
        """A heap of what is stored and, for all that is known, yet to be hashed."""
        self._told: list[plan.Stretch] = []
        self._moved_bytes = 0
        self._refusal: Failed | None = None
        """The upload is gone, or the object was there before."""

    @property
    def is_stored(self) -> bool:
        return self._stage is _Stage.STORED

    def begin(self) -> list[Job]:
        blob, terms = self._blob, self._sending.terms
        begin = Begin(
            id=self._sending.next_id(),
            blob=self._number,
            key=blob.key,
            size=blob.size,
            headers=terms.headers(blob),
            is_checked=terms.takes_checksums,
        )
        return [begin]

    def proven(self) -> list[Job]:
        self._is_proven = True
        self._tell_stored()
        return self._finish_if_complete()

    def next_part(self) -> Job | None:
        part = next(self._waiting, None) if self._stage is _Stage.MOVING else None
        return None if part is None else self._put_part(part)

    def done(self, job: Job, outcome: Done) -> list[Job]:
        match job:
            case Begin():
                self._move(outcome)
            case PutPart():
                return self._part_stored(job, outcome)
            case Look():
                return self._looked(outcome)
            case Finish() | Abort():
                self._end()
        return []

    def failed(self, job: Job, failed: Failed) -> list[Job]:
        if self._sending.learns(self._blob, job, failed):
            return self.begin() if isinstance(job, Begin) else [self._finish()]
        if isinstance(job, Abort):
            self._end()  # what is left of the upload is of no use, and does no harm
            return []
        match job, failed.error:
            case PutPart() | Finish(), NotFoundError():
                return self._look(failed)
            case Finish(), RefusedError():
                return self._look(failed)
        raise failed.error

    def abandon(self) -> list[Abort]:
        return [self._abort()] if self._upload_id else []

    def _move(self, begun: Done) -> None:
        size = self._blob.size
        self._stage = _Stage.MOVING
        self._upload_id = begun.value
        self._is_checked = bool(begun.checksum)
        self._waiting = plan.ranges(self._number, [(0, size)], self._part_bytes)

    def _put_part(self, part: plan.Range) -> PutPart:
        return PutPart(
            id=self._sending.next_id(),
            blob=self._number,
            key=self._blob.key,
            upload_id=self._upload_id,
            number=1 + part.offset // self._part_bytes,
            path=str(self._blob.path),
            file_offset=self._blob.offset + part.offset,
            offset=part.offset,
            length=part.length,
            is_checked=self._is_checked,
            object_size=self._blob.size,
            is_hashed=self._number in self._sending.hashed_there,
        )

    def _part_stored(self, job: PutPart, outcome: Done) -> list[Job]:
        self._stored[job.number] = StoredPart(job.number, outcome.value, outcome.checksum)
        heappush(self._untold, (job.offset, job.offset + job.length))
        self._tell_stored()
        self._moved(job.length)
        return self._finish_if_complete()

    def _tell_stored(self) -> None:
        """Tell of what is stored and hashed."""
        is_proven = self._is_proven
        hashed = self._blob.size if is_proven else self._sending.position(self._number)
        while self._untold and self._untold[0][1] <= hashed:
            self._tell(heappop(self._untold))

    def _tell(self, stretch: plan.Stretch) -> None:
        start, end = stretch
        self._told.append(stretch)
        self._blob.stored(start, end - start)

    def _moved(self, count: int) -> None:
        self._moved_bytes += count
        self._sending.observe(BytesMoved("transfer", count))

    def _finish_if_complete(self) -> list[Job]:
        parts = -(-self._blob.size // self._part_bytes)
        is_complete = self._stage is _Stage.MOVING and len(self._stored) == parts
        return [self._finish()] if is_complete and self._is_proven else []

    def _finish(self) -> Finish:
        self._stage = _Stage.FINISHING
        return Finish(
            id=self._sending.next_id(),
            blob=self._number,
            key=self._blob.key,
            upload_id=self._upload_id,
            parts=tuple(self._stored[number] for number in sorted(self._stored)),
            size=self._blob.size,
            if_absent=self._if_absent and self._sending.terms.takes_conditions,
        )

    def _look(self, failed: Failed) -> list[Job]:
        """See whether the object is there; once, whatever of its parts is refused besides."""
        if self._stage is _Stage.LOOKING:
            return []
        if self._refusal:
            raise self._refusal.error
        self._refusal = failed
        self._stage = _Stage.LOOKING
        return [look(self._sending, self._number, self._blob)]

    def _looked(self, found: Done) -> list[Job]:
        assert self._refusal is not None
        if found.value == str(self._blob.size):
            self._stage = _Stage.GIVING_UP
            return [self._abort()]
        if isinstance(self._refusal.error, RefusedError):
            self._if_absent = not found.value  # gone again, or damaged
            return [self._finish()]
        raise self._refusal.error

    def _end(self) -> None:
        """The blob is stored, by us or by another push: nothing of its file is wanted any more."""
        self._stage = _Stage.STORED
        for stretch in plan.gaps_between(self._told, self._blob.size):
            self._tell(stretch)
        if left_bytes := self._blob.size - self._moved_bytes:
            self._moved(left_bytes)

    def _abort(self) -> Abort:
        return Abort(self._sending.next_id(), self._number, self._blob.key, self._upload_id)
