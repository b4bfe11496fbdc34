"""Single put: a blob that is sent with one request, once its digest is known to be right.

HASHING → PUTTING → done
             ⇅
          LOOKING    whether what was there before us is this blob

HASHING, which also waits for what still comes, is passed over where the worker that sends hashes, which then sends nothing that is wrong.
"""

from __future__ import annotations

from s3lo.engine.jobs import Abort, Done, Failed, Job, Look, Put
from s3lo.engine.transfers import Upload
from s3lo.engine.upload.sending import Sending, look
from s3lo.errors import RefusedError
from s3lo.events import BytesMoved


class SinglePut:
    """A Sender. The request carries the SHA-256, for the service to check again."""

    def __init__(self, number: int, blob: Upload, sending: Sending) -> None:
        self._number = number
        self._blob = blob
        self._sending = sending
        self._if_absent = blob.if_absent
        self._has_looked = False
        self.is_stored = False

    def begin(self) -> list[Job]:
        is_due = self._blob.is_verified or self._sending.is_hashed_there(self._blob)
        return [self._put()] if is_due else []

    def proven(self) -> list[Job]:
        return [self._put()]

    def arrived(self, end: int) -> None:
        """Nothing is due before all of it is hashed."""

    def hashed_further(self) -> None:
        """Nothing of it is stored before all of it is hashed."""

    def next_part(self) -> Job | None:
        return None

    def done(self, job: Job, outcome: Done) -> list[Job]:
        if isinstance(job, Look) and outcome.value != str(self._blob.size):
            self._if_absent = not outcome.value  # gone again, or damaged
            return [self._put()]
        self._blob.stored(0, self._blob.size)
        self._sending.observe(BytesMoved("transfer", self._blob.size))
        self.is_stored = True
        return []

    def failed(self, job: Job, failed: Failed) -> list[Job]:
        if isinstance(job, Put):
            if self._sending.learns(self._blob, job, failed):
                return [self._put()]
            if isinstance(failed.error, RefusedError) and not self._has_looked:
                self._has_looked = True
                return [look(self._sending, self._number, self._blob)]
        raise failed.error

    def abandon(self) -> list[Abort]:
        return []

    def _put(self) -> Put:
        blob, terms = self._blob, self._sending.terms
        proves = self._sending.is_hashed_there(blob)
        checksum = ("x-amz-checksum-sha256", blob.digest.base64)
        return Put(
            id=self._sending.next_id(),
            blob=self._number,
            key=blob.key,
            path=str(blob.path),
            file_offset=blob.offset,
            length=blob.size,
            headers=(*terms.headers(blob), checksum),
            if_absent=self._if_absent and terms.takes_conditions,
            digest=blob.digest if proves else None,
        )
