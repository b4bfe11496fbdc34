"""Coming: what whoever sends an image on while it still comes can ask of its transfer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor
from s3lo.transports.ends import END_BYTES, HEAD_BYTES

if TYPE_CHECKING:
    from s3lo.transports.streams import Readable


class Coming(Protocol):
    """Blobs that are still on their way, to whoever reads them meanwhile."""

    def wait_for(self, digest: Digest, start: int, end: int) -> None:
        """Return when these bytes of a blob are in its file, whether they are right or not."""

    def wait_until_proven(self, digest: Digest) -> bool:
        """Return when a blob is whole and proven, with whether its bytes are those that were there
        from the first, and not fetched once more."""


class AllThere:
    """The ``Coming`` of an image that is there, and proven."""

    def wait_for(self, digest: Digest, start: int, end: int) -> None:
        del digest, start, end

    def wait_until_proven(self, digest: Digest) -> bool:
        del digest
        return True


ALL_THERE = AllThere()


class Proven:
    """Gives out nothing of a blob before it is proven."""

    def __init__(self, coming: Coming) -> None:
        self._coming = coming

    def wait_for(self, digest: Digest, start: int, end: int) -> None:
        del start, end
        self._coming.wait_until_proven(digest)

    def wait_until_proven(self, digest: Digest) -> bool:
        self._coming.wait_until_proven(digest)
        return True


def wait_for_head(coming: Coming, blob: Descriptor) -> None:
    """For so much of its beginning as says what a blob is."""
    coming.wait_for(blob.digest, 0, min(HEAD_BYTES, blob.size))


def wait_for_end(coming: Coming, blob: Descriptor) -> None:
    """For so much of its end as says how large its content is."""
    coming.wait_for(blob.digest, max(0, blob.size - END_BYTES), blob.size)


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
