"""Opened range: bytes of a blob on their way, whatever becomes of the connections they come over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from s3lo.backoff import ATTEMPTS, delay_seconds
from s3lo.errors import IntegrityError, ServiceError, SizeMismatch
from s3lo.model.documents import Descriptor
from s3lo.transports.registry.blobs import Blobs
from s3lo.transports.registry.http import Answer
from s3lo.transports.registry.passing import Passing
from s3lo.transports.registry.session import Session

PIECE_BYTES = 256 << 10
_PROGRESS_BYTES = 1 << 20
"""After so much the failures before it are forgotten."""
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)\Z", re.IGNORECASE)


class OpenedRange:
    """The bytes ``[start, end)`` of a blob, once. For one thread.

    ``end`` is what was asked for, or the blob's size where the registry sends all of it whatever is
    asked for: of a range that begins at 0, all is then given.
    """

    def __init__(
        self, session: Session, blobs: Blobs, blob: Descriptor, start: int, end: int
    ) -> None:
        """Asks for it; raises what the registry answers, and SizeMismatch."""
        if not 0 <= start <= end <= blob.size:
            raise ValueError(f"[{start}, {end}) is no range of {blob.size} bytes")
        self._session = session
        self._blobs = blobs
        self._blob = blob
        self._what = f"blob {blob.digest}"
        self._at = start
        self.end = end
        self._answer: Answer | None = None
        self._failures = 0
        self._failed_at = start
        if start < end:
            self._open()

    def __iter__(self) -> Iterator[bytes]:
        """The next pieces; raises ServiceError where the connection keeps breaking, SizeMismatch where
        there are more or fewer bytes than the descriptor says, Interrupted."""
        try:
            while self._at < self.end:
                piece = self._read()
                self._at += len(piece)
                if piece:
                    yield piece
            self._require_end()
        finally:
            self.close()

    def close(self) -> None:
        if self._answer is not None:
            self._answer.abandon()
            self._answer = None

    def _read(self) -> bytes:
        """The next bytes, or none where it had to be asked for anew."""
        try:
            if self._answer is None:
                raise Passing(ServiceError(f"{self._what} was closed"))
            piece = self._answer.read(min(PIECE_BYTES, self.end - self._at))
            if not piece:
                raise Passing(ServiceError(f"the answer of {self._answer.host} ended"))
        except Passing as passing:
            self._go_on_after(passing)
            return b""
        return piece

    def _go_on_after(self, passing: Passing) -> None:
        self.close()
        if self._at - self._failed_at >= _PROGRESS_BYTES:
            self._failures = 0
        self._failures += 1
        self._failed_at = self._at
        if self._failures == ATTEMPTS:
            raise passing.error from passing
        self._session.note(
            f"{self._what} broke off at byte {self._at} of {self._blob.size}"
            f" ({passing.error.message}): going on from there"
        )
        self._session.sleep(delay_seconds(self._failures))
        self._open()

    def _open(self) -> None:
        self._answer = self._session.patiently(self._ask, self._what)

    def _ask(self) -> Answer:
        """An answer of which the next byte is the one that is wanted."""
        answer = self._blobs.ask(self._blob, self._at, self.end)
        try:
            before = self._bytes_before(answer)
            while before:
                dropped = answer.read(min(PIECE_BYTES, before))
                if not dropped:
                    raise Passing(ServiceError(f"the answer of {answer.host} ended"))
                before -= len(dropped)
        except BaseException:
            answer.abandon()
            raise
        return answer

    def _bytes_before(self, answer: Answer) -> int:
        """How many bytes of the answer come before the one that is wanted."""
        if answer.status == 206:
            self._check_range(answer)
            return 0
        if answer.body_bytes not in (None, self._blob.size):
            raise SizeMismatch(
                f"{self._what} has {answer.body_bytes} bytes at {answer.host}"
                f" where {self._blob.size} are expected"
            )
        if self._at == 0:
            self.end = self._blob.size
        return self._at

    def _check_range(self, answer: Answer) -> None:
        said = answer.headers.get("content-range", "")
        found = _CONTENT_RANGE.match(said.strip())
        if not found or int(found[1]) != self._at:
            raise IntegrityError(
                f"{answer.host} sends {said[:100] or 'some range'!r} of {self._what}"
                f" where byte {self._at} was asked for"
            )
        if found[3] not in ("*", str(self._blob.size)):
            raise SizeMismatch(
                f"{self._what} has {found[3]} bytes at {answer.host}"
                f" where {self._blob.size} are expected"
            )

    def _require_end(self) -> None:
        """After the last byte of an answer with all of the blob nothing may come."""
        answer = self._answer
        if answer is None or answer.status != 200 or self.end != self._blob.size:
            return
        with suppress(Passing):
            if answer.read(1):
                raise SizeMismatch(
                    f"{self._what} has more bytes at {answer.host} than the {self._blob.size}"
                    " that are expected"
                )
