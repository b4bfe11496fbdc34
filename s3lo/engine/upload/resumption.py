"""Resumption: which upload that an interrupted push has left to go on with, and what counts of it.

Nothing here proves anything: a part counts only where its bytes turn out to be those of our file.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from s3lo.engine.jobs import Done, Headers, ListParts, ListUploads, PutPart
from s3lo.engine.transfers import Upload
from s3lo.engine.upload.sending import Sending
from s3lo.events import Note
from s3lo.model.multipart import CHECKSUM, OpenUpload, StoredPart

MOST_LOOKED_AT = 3
"""Of the uploads of one blob: each costs a request."""
_CLASS = "x-amz-storage-class"
_ENCRYPTION = "x-amz-server-side-encryption"


class Earlier(Struct, frozen=True):
    """An upload to go on with, and by their numbers the parts that may be ours."""

    upload_id: str
    is_checked: bool
    parts: dict[int, StoredPart]


class PartList:
    """The parts that an upload has, asked for page by page."""

    def __init__(self, number: int, blob: Upload, sending: Sending) -> None:
        self._number = number
        self._blob = blob
        self._sending = sending
        self._parts: list[StoredPart] = []

    def begin(self, upload_id: str) -> ListParts:
        self._parts = []
        return self._list(upload_id, after=0)

    def listed(self, job: ListParts, outcome: Done) -> ListParts | list[StoredPart]:
        """The next page to ask for, or all the parts."""
        self._parts += [each for each in outcome.found if isinstance(each, StoredPart)]
        return self._list(job.upload_id, int(outcome.value)) if outcome.value else self._parts

    def _list(self, upload_id: str, after: int) -> ListParts:
        return ListParts(self._sending.next_id(), self._number, self._blob.key, upload_id, after)


class Reuse:
    """Parts that are there and may be ours: which of them are not decided yet, and what is made of it."""

    def __init__(self, sending: Sending) -> None:
        self._sending = sending
        self._undecided: dict[int, StoredPart] = {}
        self._kept_parts = 0
        self._kept_bytes = 0

    def offer(self, parts: dict[int, StoredPart]) -> None:
        self._undecided = dict(parts)

    def of(self, number: int) -> StoredPart | None:
        return self._undecided.get(number)

    def decided(self, job: PutPart, outcome: Done) -> None:
        """Count the part, where it was there; tell of all when the last is decided."""
        if self._undecided.pop(job.number, None) is None:
            return
        if outcome.was_there:
            self._kept_parts += 1
            self._kept_bytes += job.length
            self._sending.reused_bytes += job.length
        if self._kept_parts and not self._undecided:
            what = "1 part" if self._kept_parts == 1 else f"{self._kept_parts} parts"
            size = f"{self._kept_bytes / 1e6:.1f} MB"
            self._sending.observe(Note(f"{what} ({size}) of an interrupted push: used again"))

    def undo(self) -> None:
        """None of it is of use."""
        self._sending.reused_bytes -= self._kept_bytes
        self._undecided, self._kept_parts, self._kept_bytes = {}, 0, 0


class Search:
    """The search for it: jobs to be done, one after the other."""

    def __init__(self, number: int, blob: Upload, part_bytes: int, sending: Sending) -> None:
        self._number = number
        self._blob = blob
        self._part_bytes = part_bytes
        self._sending = sending
        self._left: list[OpenUpload] = []
        """To be looked at, the newest last."""
        self._list = PartList(number, blob, sending)

    def begin(self) -> ListUploads | None:
        """None where it is no use."""
        terms = self._sending.terms
        if not (terms.lists_uploads and is_possible(terms.headers(self._blob))):
            return None
        return ListUploads(self._sending.next_id(), self._number, self._blob.key)

    def found(self, outcome: Done) -> ListParts | None:
        uploads = [each for each in outcome.found if isinstance(each, OpenUpload)]
        self._left = candidates(uploads, self._sending.terms.headers(self._blob))
        return self._next()

    def listed(self, job: ListParts, outcome: Done) -> ListParts | Earlier | None:
        """What to ask next, or what was found; None where there is nothing (more)."""
        there = self._list.listed(job, outcome)
        if isinstance(there, ListParts):
            return there
        parts = usable(there, self._blob.size, self._part_bytes)
        if not parts:
            return self.passed_over()
        upload = self._left[-1]
        # A service that does not say whether an upload is checked is asked to check all the same.
        is_checked = bool(upload.checksum) or self._sending.terms.takes_checksums
        return Earlier(upload.upload_id, is_checked, parts)

    def passed_over(self) -> ListParts | None:
        """The upload that was asked for last is of no use."""
        self._left.pop()
        return self._next()

    def _next(self) -> ListParts | None:
        return self._list.begin(self._left[-1].upload_id) if self._left else None


def is_possible(headers: Headers) -> bool:
    """No list tells how an upload is encrypted: where that is asked for, a new one has to be."""
    return all(not name.startswith(_ENCRYPTION) for name, _ in headers)


def candidates(found: Iterable[OpenUpload], headers: Headers) -> list[OpenUpload]:
    """Uploads of one key that may be what these headers would begin, the newest last."""
    wanted = dict(headers).get(_CLASS, "STANDARD")
    fitting = [
        upload
        for upload in found
        if upload.checksum in ("", CHECKSUM) and upload.storage_class in ("", wanted)
    ]
    return sorted(fitting, key=lambda upload: upload.initiated)[-MOST_LOOKED_AT:]


def usable(parts: Iterable[StoredPart], size: int, part_bytes: int) -> dict[int, StoredPart]:
    """Those that are as long as ours of the same number, by number."""
    return {
        part.number: part
        for part in parts
        if part.size == max(0, min(part_bytes, size - (part.number - 1) * part_bytes)) > 0
    }


def renamed(
    ours: Iterable[StoredPart], there: Iterable[StoredPart]
) -> dict[int, StoredPart] | None:
    """Our parts, by number, under the ETags that they have now; None where one is not there.

    Another push that goes on with the same upload sends the same bytes. Where these are encrypted with
    a key of the service's, their ETag is another one each time; what is the same is the checksum.
    """
    found = {(part.number, name): part for part in there for name in (part.etag, part.checksum)}
    now = [
        found.get((part.number, part.etag))
        or (found.get((part.number, part.checksum)) if part.checksum else None)
        for part in ours
    ]
    return {part.number: part for part in now if part} if all(now) else None
