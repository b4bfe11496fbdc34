"""Sending: one blob on its way into the store, and what all those of one run have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Protocol

from msgspec import Struct, field

from s3lo.engine import plan
from s3lo.engine.jobs import Abort, Begin, Done, Failed, Finish, Headers, Job, Look, Put
from s3lo.engine.transfers import Upload
from s3lo.events import Note, Observer
from s3lo.model.part_sizes import upload_part_bytes
from s3lo.model.s3_errors import InvalidStorageClass, Unsupported


class Terms(Struct):
    """What the endpoint takes: everything, until it has refused something."""

    takes_preferences: bool = True
    takes_checksums: bool = True
    takes_conditions: bool = True
    lists_uploads: bool = True

    def headers(self, blob: Upload) -> Headers:
        return blob.headers + (blob.preferences if self.takes_preferences else ())

    def learn(self, blob: Upload, job: Job, failed: Failed) -> str:
        """What this failure tells of the endpoint, empty where nothing: else the same request, made
        anew, is worth another try."""
        match failed.error, job:
            case InvalidStorageClass(), Put() | Begin() if set(blob.preferences) & set(job.headers):
                self.takes_preferences = False
                named = ", ".join(value for _, value in blob.preferences)
                return f"the service does not take {named}: blobs are stored without"
            case Unsupported(), Put(if_absent=True) | Finish(if_absent=True):
                self.takes_conditions = False
                return "the service knows no conditional writes: blobs are written without"
            case Unsupported(), Begin(is_checked=True):
                # Some endpoints know no CRC-64/NVME; what exactly they say to it differs.
                self.takes_checksums = False
                return "the service knows no CRC-64/NVME: parts are sent without"
        return ""


class Sending(Struct):
    """What the uploads of one run have in common."""

    part_bytes: int
    """What a blob is sent by one request up to, and a part is at least."""
    most_part_bytes: int
    in_flight: int
    """What the target needs at once."""
    position: Callable[[int], int]
    """Up to where a blob is hashed."""
    observe: Observer
    hash_here: Callable[[int], None]
    """Hash a blob in this process, whichever of its parts were hashed by who sent them."""
    workers_hash: bool = False
    """Whoever sends a blob that is to be hashed hashes it."""
    hashed_there: set[int] = field(default_factory=set)
    """Blobs of which that is so, part by part, and yet to be told of."""
    terms: Terms = field(default_factory=Terms)
    ids: Iterator[int] = field(default_factory=count)
    reused_bytes: int = 0
    """Of parts that an interrupted push has left."""

    def part_bytes_of(self, blob: Upload) -> int:
        if blob.arrival is not None:
            return blob.arrival.step_bytes
        wanted = plan.sent_part_bytes(
            blob.size, self.part_bytes, self.most_part_bytes, self.in_flight
        )
        return upload_part_bytes(blob.size, wanted)

    def is_single(self, blob: Upload) -> bool:
        """Whether one request sends all of it."""
        limit = self.part_bytes if blob.arrival is None else blob.arrival.step_bytes
        return blob.size <= limit

    def is_hashed_there(self, blob: Upload) -> bool:
        """Whether who sends it is to hash it. What of a blob that still comes has been hashed has to
        be known here, for its room."""
        return self.workers_hash and not blob.is_verified and blob.arrival is None

    def next_id(self) -> int:
        return next(self.ids)

    def learns(self, blob: Upload, job: Job, failed: Failed) -> bool:
        learnt = self.terms.learn(blob, job, failed)
        if learnt:
            self.observe(Note(learnt, level=1))
        return bool(learnt)


class Sender(Protocol):
    """One blob on its way. What its methods return are jobs that are to be started now."""

    @property
    def is_stored(self) -> bool: ...

    def begin(self) -> list[Job]: ...

    def proven(self) -> list[Job]:
        """The digest turned out to be right."""

    def arrived(self, end: int) -> None:
        """So much of it, from its beginning, is in its file."""

    def hashed_further(self) -> None:
        """So far as the sending knows the position of."""

    def next_part(self) -> Job | None:
        """A job that need not be started before others of its kind."""

    def done(self, job: Job, outcome: Done) -> list[Job]: ...

    def failed(self, job: Job, failed: Failed) -> list[Job]:
        """A job failed for good; raises its error where nothing goes on without it."""

    def abandon(self) -> list[Abort]:
        """What must be undone in the store when no more is done."""


def look(sending: Sending, number: int, blob: Upload) -> Look:
    return Look(sending.next_id(), number, blob.key)
