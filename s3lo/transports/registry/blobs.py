"""Blobs: where ranges of them are asked for: at the registry, or at the storage it sent us to before."""

from __future__ import annotations

import threading

from s3lo.errors import ServiceError, SizeMismatch
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor
from s3lo.transports.registry.failures import refused
from s3lo.transports.registry.http import Answer
from s3lo.transports.registry.passing import Passing
from s3lo.transports.registry.redirects import origin
from s3lo.transports.registry.session import Session

_GONE = frozenset({400, 401, 403, 404, 410})
"""A signed address that has run out: S3 says 400 or 403, others the rest."""
_MOST_PLACES = 1024
_UNSATISFIABLE = 416


class Blobs:
    """Of one repository. For any thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._places: dict[Digest, str] = {}
        """Where blobs were found outside of the registry, the latest found last."""

    def ask(self, blob: Descriptor, start: int, end: int) -> Answer:
        """An answer with the bytes from ``start`` on (206), or with all of them (200).

        Raises Passing: it is asked for within ``Session.patiently``; and SizeMismatch where the blob
        ends before ``start``.
        """
        is_whole = (start, end) == (0, blob.size)
        headers = {} if is_whole else {"Range": f"bytes={start}-{end - 1}"}
        answer = self._elsewhere(blob.digest, headers) or self._at_home(blob.digest, headers)
        if answer.status in (200, 206):
            return answer
        if answer.status == _UNSATISFIABLE:
            answer.close()
            raise SizeMismatch(
                f"blob {blob.digest} ends before byte {start}, where {blob.size} bytes are expected"
            )
        # It may lie elsewhere by now.
        self._forget(blob.digest)
        raise refused(answer, f"blob {blob.digest}", self._session.registry)

    def _elsewhere(self, digest: Digest, headers: dict[str, str]) -> Answer | None:
        """What the storage answers; None where it is not known, or no longer right."""
        with self._lock:
            place = self._places.get(digest)
        if not place:
            return None
        try:
            answer = self._session.open_elsewhere(place, headers)
        except (Passing, ServiceError):
            self._forget(digest)
            raise
        if answer.status not in _GONE:
            return answer
        answer.close()
        self._forget(digest)
        return None

    def _at_home(self, digest: Digest, headers: dict[str, str]) -> Answer:
        answer = self._session.open(f"blobs/{digest}", headers)
        if origin(answer.url) != origin(self._session.home()):
            self._remember(digest, answer.url)
        return answer

    def _remember(self, digest: Digest, place: str) -> None:
        with self._lock:
            self._places[digest] = place
            if len(self._places) > _MOST_PLACES:
                del self._places[next(iter(self._places))]

    def _forget(self, digest: Digest) -> None:
        with self._lock:
            self._places.pop(digest, None)
