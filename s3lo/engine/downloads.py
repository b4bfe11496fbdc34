"""Downloads: the parts of a download, in order, and what is known of each blob.

asked for → arriving → complete → (hashed) → verified
                ↑__________________| digest mismatch, once: the blob is fetched again
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import count

from s3lo import files
from s3lo.engine import plan
from s3lo.engine.jobs import Abort, Done, Get, Job
from s3lo.engine.settings import EngineSettings
from s3lo.engine.transfers import DAMAGED, Download
from s3lo.engine.verifier import Hashed, Verifier
from s3lo.errors import DigestMismatch
from s3lo.events import BlobDone, BytesMoved, Observer


class Downloads:
    """The work of one download, for a coordinator to drive."""

    def __init__(
        self,
        blobs: Sequence[Download],
        settings: EngineSettings,
        verifier: Verifier,
        observer: Observer,
    ) -> None:
        # The largest first: what is left for the end is then small, and the cores end together.
        self._blobs = sorted(blobs, key=lambda blob: -blob.size)
        self._part_bytes = settings.part_size_bytes
        self._verify = settings.verify
        self._verifier = verifier
        self._observe = observer
        self._ids = count()
        sizes = [blob.size for blob in self._blobs]
        self._order = plan.interleave(sizes, self._part_bytes, settings.hash_threads)
        self._again: deque[plan.Range] = deque()
        self._frontiers: dict[int, plan.Frontier] = {}
        self._fetched_twice: set[int] = set()
        self._left = len(self._blobs)
        for number, blob in enumerate(self._blobs):
            if blob.size == 0:
                self._open(number)

    @property
    def is_finished(self) -> bool:
        return self._left == 0

    def next_job(self) -> Job | None:
        part = self._again.popleft() if self._again else next(self._order, None)
        if part is None:
            return None
        if part.blob not in self._frontiers:
            self._open(part.blob)
        blob = self._blobs[part.blob]
        return Get(
            id=next(self._ids),
            blob=part.blob,
            key=blob.key,
            offset=part.offset,
            length=part.length,
            object_size=blob.size,
            path=str(blob.path),
        )

    def done(self, job: Job, outcome: Done) -> None:
        del outcome
        assert isinstance(job, Get)
        position = self._frontiers[job.blob].add(job.offset, job.length)
        self._observe(BytesMoved("transfer", job.length))
        if self._verify:
            self._verifier.advance(job.blob, position)
        elif position == self._blobs[job.blob].size:
            self._complete(job.blob)

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

    def _open(self, number: int) -> None:
        blob = self._blobs[number]
        files.preallocate(blob.path, blob.size)
        self._frontiers[number] = plan.Frontier()
        if self._verify:
            self._verifier.add(number, str(blob.path), blob.size)
        elif blob.size == 0:
            self._complete(number)

    def _fetch_again(self, number: int) -> None:
        """The first mismatch may have happened on the way here; a second one did not."""
        self._fetched_twice.add(number)
        blob = self._blobs[number]
        self._observe(BytesMoved("transfer", -blob.size))
        self._open(number)
        self._again.extend(plan.ranges(number, blob.size, self._part_bytes))

    def _complete(self, number: int) -> None:
        blob = self._blobs[number]
        del self._frontiers[number]
        self._left -= 1
        self._observe(BlobDone(str(blob.digest), blob.size))
