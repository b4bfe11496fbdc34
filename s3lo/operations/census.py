"""Census: every tag of a store and all that it refers to; each manifest read once, many at a time.

    tags' manifests ──► what they name; of an index, manifests that are blobs ──► what those name ─┐
                                                                    └───── until none is new ◄─────┘

Blobs go by number, so that a store of 100,000 blobs and 20,000 tags fits into little memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from s3lo.abreast import abreast
from s3lo.bucket.catalog import Tag
from s3lo.bucket.keys import MANIFESTS
from s3lo.bucket.listing import listing
from s3lo.bucket.store import Store
from s3lo.errors import NotFoundError
from s3lo.model import media_types
from s3lo.model.digest import Digest
from s3lo.model.documents import MAX_DOCUMENT_BYTES, Descriptor, Manifest, parse_document
from s3lo.model.objects import ObjectInfo
from s3lo.operations.resolve import UNREADABLE, read_document

_READ_AT_A_TIME = 64
_DOCUMENTS = media_types.INDEXES | media_types.MANIFESTS


class Census:
    """What was found. ``digests`` and ``sizes`` are of blobs, by number."""

    def __init__(self) -> None:
        self.tags: list[tuple[Tag, Sequence[int]]] = []
        """Each with the blobs that its manifest or index names."""
        self.digests: list[Digest] = []
        self.sizes: list[int] = []
        self.unreadable: list[str] = []
        """A line each: what could not be read, and why."""
        self._numbers: dict[Digest, int] = {}
        self._below: dict[int, Sequence[int]] = {}
        """What those blobs name that are manifests themselves."""
        self._unread: dict[int, Descriptor] = {}

    def closure(self, named: Sequence[int]) -> set[int]:
        """These blobs and all that they refer to, at any depth."""
        found: set[int] = set()
        ahead = list(named)
        while ahead:
            number = ahead.pop()
            if number not in found:
                found.add(number)
                ahead.extend(self._below.get(number, ()))
        return found

    def note_tag(self, tag: Tag, named: Sequence[Descriptor]) -> None:
        self.tags.append((tag, self._numbered(named)))

    def note_document(self, number: int, named: Sequence[Descriptor]) -> None:
        self._below[number] = self._numbered(named)

    def take_unread(self) -> dict[int, Descriptor]:
        """Blobs that are manifests and were not read yet, by number; they count as read now."""
        taken, self._unread = self._unread, {}
        self._below.update(dict.fromkeys(taken, ()))
        return taken

    def _numbered(self, named: Sequence[Descriptor]) -> Sequence[int]:
        return tuple(map(self._number, named))

    def _number(self, blob: Descriptor) -> int:
        number = self._numbers.setdefault(blob.digest, len(self.digests))
        if number == len(self.digests):
            self.digests.append(blob.digest)
            self.sizes.append(blob.size)
        if blob.media_type in _DOCUMENTS and number not in self._below:
            self._unread[number] = blob
        return number


def take_census(store: Store, seen: Callable[[ObjectInfo], None]) -> Census:
    """Read every manifest of a store. ``seen`` is told of every object below ``manifests/``.

    What cannot be read is noted and passed over.
    """
    census = Census()

    def tags() -> Iterator[Tag]:
        for found in listing(store, MANIFESTS):
            seen(found)
            tag = Tag.at(found)
            if tag is not None:
                yield tag

    def read_tag(tag: Tag) -> tuple[Tag, Sequence[Descriptor] | str]:
        return tag, _named(lambda: store.get(tag.key, limit_bytes=MAX_DOCUMENT_BYTES), "")

    def read_blob(
        item: tuple[int, Descriptor],
    ) -> tuple[int, Descriptor, Sequence[Descriptor] | str]:
        number, blob = item
        return number, blob, _named(lambda: read_document(store, blob), blob.media_type)

    for tag, named in abreast(read_tag, tags(), _READ_AT_A_TIME):
        if isinstance(named, str):
            census.unreadable.append(f"{tag}: {named}")
        census.note_tag(tag, () if isinstance(named, str) else named)
    while unread := census.take_unread():
        for number, blob, named in abreast(read_blob, unread.items(), _READ_AT_A_TIME):
            if isinstance(named, str):
                census.unreadable.append(f"{blob.digest}: {named}")
            else:
                census.note_document(number, named)
    return census


def _named(read: Callable[[], bytes], media_type: str) -> Sequence[Descriptor] | str:
    """What a manifest or an index names, or why that cannot be told."""
    try:
        document = parse_document(read(), media_type)
    except (*UNREADABLE, NotFoundError) as error:
        return error.message
    return document.blobs if isinstance(document, Manifest) else document.manifests
