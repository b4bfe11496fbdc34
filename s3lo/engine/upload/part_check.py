"""Part check: what has to be known of a part's bytes before they are sent: their checksum, and whether
the store has them already."""

from __future__ import annotations

import hashlib

from s3lo.engine.jobs import Done, PutPart
from s3lo.engine.upload import crc64


class PartCheck:
    """To be shown all of the part's bytes.

    What the store has is compared by its checksum or, where it has none, by its ETag, which is the MD5
    unless it is encrypted with a key of the service's.
    """

    def __init__(self, job: PutPart) -> None:
        there = job.there
        by_checksum = there is not None and bool(there.checksum) and crc64.is_known()
        is_checked = job.is_checked and crc64.is_known()
        self._job = job
        self._crc = crc64.Crc64() if is_checked or by_checksum else None
        self._md5 = None
        if there is not None and not by_checksum:
            self._md5 = hashlib.md5(usedforsecurity=False)

    @property
    def is_needed(self) -> bool:
        return bool(self._crc or self._md5)

    def update(self, piece: memoryview) -> None:
        if self._crc:
            self._crc.update(piece)
        if self._md5:
            self._md5.update(piece)

    @property
    def checksum(self) -> str:
        """That the part is to carry, in base64; empty where it is to have none."""
        return self._crc.base64 if self._crc and self._job.is_checked else ""

    @property
    def kept(self) -> Done | None:
        """The outcome, where nothing needs to be sent."""
        there = self._job.there
        if there is None:
            return None
        if self._md5:
            is_same = there.etag.strip('"').lower() == self._md5.hexdigest()
        else:
            is_same = self._crc is not None and there.checksum == self._crc.base64
        return Done(self._job.id, there.etag, self.checksum, was_there=True) if is_same else None
