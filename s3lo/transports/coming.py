"""Coming: what whoever sends an image on while it still comes can ask of its transfer."""

from __future__ import annotations

from typing import Protocol

from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor
from s3lo.transports.streams import Readable


class Coming(Protocol):
    """Blobs that are still on their way, to whoever reads them meanwhile."""

    def wait_for(self, digest: Digest, start: int, end: int) -> None:
        """Return when these bytes of a blob are in its file, whether they are right or not."""

    def is_proven(self, digest: Digest) -> bool:
        """Wait until a blob is whole and proven; gives whether its bytes are those that were there
        from the first, and not fetched once more."""


class AllThere:
    """The ``Coming`` of an image that is there, and proven."""

    def wait_for(self, digest: Digest, start: int, end: int) -> None:
        del digest, start, end

    def is_proven(self, digest: Digest) -> bool:
        del digest
        return True


ALL_THERE = AllThere()


class Proven:
    """Gives out nothing of a blob before it is proven."""

    def __init__(self, coming: Coming) -> None:
        self._coming = coming

    def wait_for(self, digest: Digest, start: int, end: int) -> None:
        del start, end
        self._coming.is_proven(digest)

    def is_proven(self, digest: Digest) -> bool:
        self._coming.is_proven(digest)
        return True


class Awaited:
    """A blob's file, read no faster than it is filled."""

    def __init__(self, file: Readable, blob: Descriptor, coming: Coming) -> None:
        self._file = file
        self._blob = blob
        self._coming = coming
        self._position = 0

    def read(self, size: int, /) -> bytes:
        end = min(self._position + size, self._blob.size)
        self._coming.wait_for(self._blob.digest, self._position, end)
        piece = self._file.read(size)
        self._position += len(piece)
        return piece
