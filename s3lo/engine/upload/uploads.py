"""Uploads: the work of sending blobs, one ``Sender`` each.

Nothing appears in the store before its digest has been verified. Of the blobs that wait, a large
one goes before a small one; those that are sent in parts take turns. More may come meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count

from msgspec import Struct
from msgspec.structs import replace

from s3lo.engine.jobs import Abort, Begin, Done, Failed, Hashed, Job, ListParts, PutPart
from s3lo.engine.settings import EngineSettings
from s3lo.engine.transfers import Upload, damaged_source
from s3lo.engine.upload.feed import Arrived, Fed, NoMore, Offered
from s3lo.engine.upload.multipart import MultipartUpload
from s3lo.engine.upload.sending import Sender, Sending, Terms
from s3lo.engine.upload.single_put import SinglePut
from s3lo.engine.verifier import Verifier
from s3lo.errors import UsageError
from s3lo.events import BlobDone, Observer
from s3lo.model.part_sizes import MAX_OBJECT_BYTES


class _Arriving(Struct):
    """A blob of which so many bytes have come."""

    number: int
    end: int = 0


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
        more_come: bool = False,
        resumes: bool = True,
    ) -> None:
        """``more_come``: others are fed later. ``resumes``: what an interrupted push has left of
        multipart uploads is looked for."""
        self._sending = Sending(
            settings.part_size_bytes,
            settings.most_part_bytes,
            settings.wanted_in_flight,
            verifier.position,
            observer,
            hash_here=lambda number: self.homeless([number]),
            workers_hash=on_sockets,
            terms=Terms(lists_uploads=resumes),
        )
        self._side_by_side = max(settings.cpus, settings.wanted_in_flight)
        self._most_open = max(settings.cpus, settings.max_in_flight)
        self._verifier = verifier
        self._observe = observer
        self._numbers = count()
        self._blobs: dict[int, Upload] = {}
        """All that are not stored."""
        self._unopened: list[tuple[int, int]] = []
        """A heap of negative sizes and numbers."""
        self._arriving: dict[str, _Arriving] = {}
        """By key, those that still come."""
        self._active: dict[int, Sender] = {}
        self._ready: deque[Job] = deque()
        self._moving: deque[int] = deque()
        """Whose next part is to be asked for, by turns."""
        self._more_come = more_come
        for blob in blobs:
            self._take(blob)

    @property
    def is_finished(self) -> bool:
        return not (self._blobs or self._more_come)

    @property
    def reused_bytes(self) -> int:
        return self._sending.reused_bytes

    def fed(self, news: Fed) -> None:
        match news:
            case Offered(blob):
                self._take(blob)
            case Arrived(blob):
                self._arrived(blob)
            case NoMore(error):
                self._more_come = False
                if error is not None:
                    raise error

    def next_job(self, welcome_bytes: int = 0, interval_bytes: float = 0.0) -> Job | None:
        del welcome_bytes, interval_bytes  # how many parts an upload has is told when it begins
        return self._next_ready() or self._next_part() or self._next_ready()

    def _next_ready(self) -> Job | None:
        while not self._ready and self._opens_another():
            _, number = heappop(self._unopened)
            self._open(number)
        return self._ready.popleft() if self._ready else None

    def _opens_another(self) -> bool:
        """As many blobs as are sent at once advance side by side, so that most parts come in their
        blob's order; more begin where those have nothing more to be sent."""
        is_wanted = len(self._active) < self._side_by_side or not self._moving
        return bool(self._unopened) and is_wanted and len(self._active) < self._most_open

    def take_back(self, job: Job) -> bool:
        del job
        return False  # a part keeps its number

    def done(self, job: Job, outcome: Done) -> None:
        sender = self._active.get(job.blob)
        if sender is None:
            return  # a part of a blob that another push has stored meanwhile
        self._ready.extend(sender.done(job, outcome))
        if isinstance(job, Begin | ListParts):
            self._moving.append(job.blob)
        if sender.is_stored:
            self._close(job.blob)

    def failed(self, job: Job, failed: Failed) -> None:
        sender = self._active.get(job.blob)
        if sender is None:
            return
        self._ready.extend(sender.failed(job, failed))
        if sender.is_stored:
            self._close(job.blob)

    def again(self, job: Job, failed: Failed | None) -> Job:
        if not (isinstance(job, PutPart) and job.is_hashed):
            return job
        is_left = not (failed and failed.was_hashed)
        return replace(job, is_hashed=is_left and job.blob in self._sending.hashed_there)

    def homeless(self, blobs: Sequence[int]) -> None:
        for number in self._sending.hashed_there & set(blobs):
            self._sending.hashed_there.remove(number)
            self._hash_here(number)

    def hashed(self, result: Hashed) -> None:
        blob = self._blobs.get(result.blob)
        if blob is None:
            return  # another push has stored it meanwhile
        if result.error:
            raise result.error
        if not result.hex:
            self._active[result.blob].hashed_further()
            return
        if result.hex != blob.digest.hex:
            raise damaged_source(blob.source or blob.path, result.hex, blob.digest)
        self._sending.hashed_there.discard(result.blob)
        self._ready.extend(self._active[result.blob].proven())

    def abandon(self) -> list[Abort]:
        """Multipart uploads that are open, to be given up."""
        return [abort for sender in self._active.values() for abort in sender.abandon()]

    def _take(self, blob: Upload) -> None:
        if blob.size > MAX_OBJECT_BYTES:
            raise UsageError(f"{blob.digest} is larger than an S3 object can be (5 TiB)")
        number = next(self._numbers)
        self._blobs[number] = blob
        if blob.arrival is None:
            heappush(self._unopened, (-blob.size, number))
        else:  # it takes room already, which others wait for
            self._arriving[blob.key] = _Arriving(number)
            self._open(number)

    def _open(self, number: int) -> None:
        blob = self._blobs[number]
        is_single = self._sending.is_single(blob)
        make = SinglePut if is_single else MultipartUpload
        sender = self._active[number] = make(number, blob, self._sending)
        is_hashed_there = self._sending.is_hashed_there(blob)
        if is_hashed_there and not is_single:
            self._sending.hashed_there.add(number)
        elif not (blob.is_verified or is_hashed_there):
            self._hash_here(number)
        self._ready.extend(sender.begin())

    def _hash_here(self, number: int) -> None:
        blob = self._blobs[number]
        comes = blob.arrival is not None
        self._verifier.add(number, str(blob.path), blob.size, blob.offset, tells=comes)
        if blob.arrival is None:
            self._verifier.arrived(number, 0, blob.size)

    def _arrived(self, blob: Upload) -> None:
        coming = self._arriving.get(blob.key)
        if coming is None or blob.arrival is None:
            return  # another push has stored it meanwhile
        number, end = coming.number, blob.arrival.end
        self._active[number].arrived(end)
        self._verifier.arrived(number, coming.end, end)
        coming.end = end
        if number not in self._moving:
            self._moving.append(number)

    def _next_part(self) -> Job | None:
        """A part of each open upload in turn."""
        while self._moving:
            number = self._moving.popleft()
            sender = self._active.get(number)
            part = sender.next_part() if sender else None
            if part is not None:
                self._moving.append(number)
                return part
        return None

    def _close(self, number: int) -> None:
        blob = self._blobs.pop(number)
        self._arriving.pop(blob.key, None)
        del self._active[number]
        self._verifier.forget(number)
        self._sending.hashed_there.discard(number)
        self._observe(BlobDone(str(blob.digest), blob.size))
