"""Multipart upload: a blob that is sent in parts, each of them hashed beside its way.

    SEARCHING → BEGINNING → MOVING → FINISHING → STORED
        │                     ↑ ↓       ↓  ↑        ↑
        └───── resumed ───────┘ ↓    CHECKING       │   another push has sent some parts anew
                              LOOKING ──────→ GIVING_UP   another push has stored the blob

What a push that was killed has left is gone on with: see ``resumption``. Another push that is under
way may go on with the very same upload: both send the same parts, the one that finishes first names
them as they are then, and the other finds the object there. So an upload that this push has not begun
is not aborted by it either, and whatever else goes wrong with such a one has the blob begun anew.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto

from s3lo.engine import plan
from s3lo.engine.jobs import (
    Abort,
    Begin,
    Done,
    Failed,
    Finish,
    Job,
    ListParts,
    ListUploads,
    Look,
    PutPart,
)
from s3lo.engine.stored_ranges import StoredRanges
from s3lo.engine.transfers import Upload
from s3lo.engine.upload.resumption import Earlier, PartList, Reuse, Search, renamed
from s3lo.engine.upload.sending import Sending, look
from s3lo.errors import NotFoundError, RefusedError, ServiceError
from s3lo.events import BytesMoved, Note
from s3lo.model.multipart import StoredPart
from s3lo.model.s3_errors import InvalidPart


class _Stage(Enum):
    SEARCHING = auto()
    BEGINNING = auto()
    MOVING = auto()
    FINISHING = auto()
    CHECKING = auto()
    LOOKING = auto()
    GIVING_UP = auto()
    STORED = auto()


_MOST_CHECKS = 5
"""Of parts that another push sends at the same time: each check may come too early by one."""


class MultipartUpload:
    """A Sender. The object is made only when the digest is known to be right."""

    def __init__(self, number: int, blob: Upload, sending: Sending) -> None:
        self._number = number
        self._blob = blob
        self._sending = sending
        self._part_bytes = sending.part_bytes_of(blob)
        self._stage = _Stage.SEARCHING
        self._is_proven = blob.is_verified
        self._upload_id = ""
        self._is_checked = False
        self._if_absent = blob.if_absent
        self._waiting: deque[plan.Range] = deque()
        self._arrived_bytes = blob.size if blob.arrival is None else 0
        self._stored: dict[int, StoredPart] = {}
        self._ranges = StoredRanges(blob)
        self._moved_bytes = 0
        self._refusal: Failed | None = None
        """The upload is gone, or the object was there before."""
        self._misnamed: Failed | None = None
        """A part is not the one that it was when it was sent."""
        self._checks_left = _MOST_CHECKS
        self._parts_there = PartList(number, blob, sending)
        self._search = Search(number, blob, self._part_bytes, sending)
        self._reuse = Reuse(sending)
        self._is_resumed = False

    @property
    def is_stored(self) -> bool:
        return self._stage is _Stage.STORED

    def begin(self) -> list[Job]:
        search = self._search.begin() if self._blob.arrival is None else None
        return [search or self._begin()]

    def proven(self) -> list[Job]:
        self._is_proven = True
        self._tell_stored()
        return self._finish_if_complete()

    def arrived(self, end: int) -> None:
        self._arrived_bytes = end

    def hashed_further(self) -> None:
        self._tell_stored()

    def next_part(self) -> Job | None:
        if self._stage is not _Stage.MOVING or not self._waiting:
            return None
        first = self._waiting[0]
        has_come = first.offset + first.length <= self._arrived_bytes
        return self._put_part(self._waiting.popleft()) if has_come else None

    def done(self, job: Job, outcome: Done) -> list[Job]:
        match job:
            case ListUploads():
                return [self._search.found(outcome) or self._begin()]
            case ListParts() if self._stage is _Stage.CHECKING:
                return self._checked(job, outcome)
            case ListParts():
                return self._listed(job, outcome)
            case Begin():
                self._move(outcome.value, is_checked=bool(outcome.checksum))
            case PutPart() if job.upload_id == self._upload_id:
                return self._part_stored(job, outcome)
            case Look():
                return self._looked(outcome)
            case Finish() | Abort():
                self._end()
        return []

    def failed(self, job: Job, failed: Failed) -> list[Job]:
        if self._sending.learns(self._blob, job, failed):
            return [self._begin() if isinstance(job, Begin) else self._finish()]
        match job, failed.error:
            case Abort(), _:
                self._end()  # what is left of the upload is of no use, and does no harm
                return []
            case ListUploads(), _:
                self._sending.terms.lists_uploads = False
                return [self._begin()]
            case ListParts(), _ if self._stage is not _Stage.CHECKING:
                return [self._search.passed_over() or self._begin()]
            case PutPart() | Finish(), _ if job.upload_id != self._upload_id:
                return []
            case PutPart() | Finish() | ListParts(), NotFoundError():
                return self._look(failed)
            case Finish(), RefusedError():
                return self._look(failed)
            case Finish(), InvalidPart() if self._checks_left:
                return self._check(failed)
            case PutPart() | Finish() | ListParts(), ServiceError() if self._is_resumed:
                return self._begin_anew()
        raise failed.error

    def abandon(self) -> list[Abort]:
        is_ours = self._upload_id and not self._is_resumed
        return [self._abort()] if is_ours else []

    def _listed(self, job: ListParts, outcome: Done) -> list[Job]:
        found = self._search.listed(job, outcome)
        if not isinstance(found, Earlier):
            return [found or self._begin()]
        self._is_resumed = True
        self._reuse.offer(found.parts)
        self._move(found.upload_id, is_checked=found.is_checked)
        return []

    def _begin(self) -> Begin:
        self._stage = _Stage.BEGINNING
        blob, terms = self._blob, self._sending.terms
        return Begin(
            id=self._sending.next_id(),
            blob=self._number,
            key=blob.key,
            size=blob.size,
            headers=terms.headers(blob),
            is_checked=terms.takes_checksums,
        )

    def _begin_anew(self) -> list[Job]:
        """Without anything of the upload that was to be gone on with."""
        self._sending.observe(
            Note(f"{self._blob.key}: the rest of an interrupted push is of no use", level=1)
        )
        self._moved(-self._moved_bytes)
        self._sending.hash_here(self._number)
        self._is_resumed = False
        self._upload_id = ""
        self._reuse.undo()
        self._stored = {}
        self._ranges.forget()
        self._refusal = None
        return [self._begin()]

    def _move(self, upload_id: str, *, is_checked: bool) -> None:
        size = self._blob.size
        self._stage = _Stage.MOVING
        self._upload_id = upload_id
        self._is_checked = is_checked
        self._waiting = deque(plan.ranges(self._number, [(0, size)], self._part_bytes))

    def _put_part(self, part: plan.Range) -> PutPart:
        number = 1 + part.offset // self._part_bytes
        return PutPart(
            id=self._sending.next_id(),
            blob=self._number,
            key=self._blob.key,
            upload_id=self._upload_id,
            number=number,
            path=str(self._blob.path),
            file_offset=self._blob.offset + part.offset,
            offset=part.offset,
            length=part.length,
            is_checked=self._is_checked,
            object_size=self._blob.size,
            is_hashed=self._number in self._sending.hashed_there,
            there=self._reuse.of(number),
        )

    def _part_stored(self, job: PutPart, outcome: Done) -> list[Job]:
        self._stored[job.number] = StoredPart(job.number, outcome.value, outcome.checksum)
        self._ranges.add(job.offset, job.offset + job.length)
        self._tell_stored()
        self._moved(job.length)
        self._reuse.decided(job, outcome)
        return self._finish_if_complete()

    def _tell_stored(self) -> None:
        """Tell of what is stored and hashed; of what is gone on with, at the end only: it may have
        to be begun anew."""
        if self._is_resumed:
            return
        is_proven = self._is_proven
        self._ranges.tell(self._blob.size if is_proven else self._sending.position(self._number))

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

    def _check(self, failed: Failed) -> list[Job]:
        """See as what the parts are there now."""
        self._checks_left -= 1
        self._misnamed = failed
        self._stage = _Stage.CHECKING
        return [self._parts_there.begin(self._upload_id)]

    def _checked(self, job: ListParts, outcome: Done) -> list[Job]:
        there = self._parts_there.listed(job, outcome)
        if isinstance(there, ListParts):
            return [there]
        now = renamed(self._stored.values(), there)
        if now is None and self._is_resumed:
            return self._begin_anew()
        if now is None:
            assert self._misnamed is not None
            raise self._misnamed.error
        self._stored = now
        return [self._finish()]

    def _look(self, failed: Failed) -> list[Job]:
        """See whether the object is there; once, whatever of its parts is refused besides."""
        if self._stage in (_Stage.LOOKING, _Stage.GIVING_UP):
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
        if self._is_resumed:
            return self._begin_anew()
        raise self._refusal.error

    def _end(self) -> None:
        """The blob is stored, by us or by another push: nothing of its file is wanted any more."""
        self._stage = _Stage.STORED
        self._ranges.tell_all()
        if left_bytes := self._blob.size - self._moved_bytes:
            self._moved(left_bytes)

    def _abort(self) -> Abort:
        return Abort(self._sending.next_id(), self._number, self._blob.key, self._upload_id)
