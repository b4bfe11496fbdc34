"""Census: every tag of a store and all that it refers to; each manifest read once, many at a time.

    tags' manifests ──► what they name; of an index, manifests that are blobs ──► what those name ─┐
                                                                    └───── until none is new ◄─────┘

Blobs go by number, so that a store of 100,000 blobs and 20,000 tags fits into little memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from s3lo.abreast import abreast
from s3lo.bucket.catalog import Tag
from s3lo.bucket.keys import MANIFESTS
from s3lo.bucket.listing import listing
from s3lo.bucket.store import Store
from s3lo.errors import NotFoundError, S3loError
from s3lo.model import media_types
from s3lo.model.digest import Digest
from s3lo.model.documents import MAX_DOCUMENT_BYTES, Descriptor, Index, Manifest, parse_document
from s3lo.model.objects import ObjectInfo
from s3lo.operations.resolve import READ_AT_A_TIME, UNREADABLE, read_document

Item = TypeVar("Item")
Read = TypeVar("Read")

_DOCUMENTS = media_types.INDEXES | media_types.MANIFESTS


class Census:
    """What was found. ``digests`` and ``sizes`` are of blobs, by number."""

    def __init__(self) -> None:
        self.tags: list[tuple[Tag, Sequence[int]]] = []
        """Each with the blobs that its manifest or index names."""
        self.roots: list[Digest | None] = []
        """Of each tag, in their order, the digest of its own manifest or index; None where that could
        not be read."""
        self.digests: list[Digest] = []
        self.sizes: list[int] = []
        self.faults: list[tuple[Tag | Digest, str]] = []
        """What could not be read, a tag's own document or another one, and why."""
        self.disputed: set[int] = set()
        """Blobs that are named with several sizes."""
        self.opaque: list[str] = []
        """A line each: what an index names that is no manifest of a known kind. It counts as a blob,
        and what it refers to itself nobody knows."""
        self._numbers: dict[Digest, int] = {}
        self._below: dict[int, Sequence[int]] = {}
        """What those blobs name that are manifests themselves."""
        self._unread: dict[int, Descriptor] = {}

    @property
    def unreadable(self) -> list[str]:
        """A line each: what could not be read, and why."""
        return [f"{what}: {problem}" for what, problem in self.faults]

    def number_of(self, digest: str) -> int | None:
        """Of a blob; None for one that nothing refers to."""
        return self._numbers.get(Digest(digest))

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

    def documents(self, named: Sequence[int]) -> list[Digest]:
        """Those of the closure that are manifests or indexes themselves."""
        return [self.digests[number] for number in self.closure(named) if number in self._below]

    def note_tag(self, tag: Tag, document: Manifest | Index) -> None:
        self.tags.append((tag, self._named(document)))
        self.roots.append(document.digest)

    def note_unreadable(self, tag: Tag, problem: str) -> None:
        self.faults.append((tag, problem))
        self.tags.append((tag, ()))
        self.roots.append(None)

    def note_document(self, number: int, document: Manifest | Index) -> None:
        self._below[number] = self._named(document)

    def take_unread(self) -> dict[int, Descriptor]:
        """Blobs that are manifests and were not read yet, by number; they count as read now."""
        taken, self._unread = self._unread, {}
        self._below.update(dict.fromkeys(taken, ()))
        return taken

    def _named(self, document: Manifest | Index) -> Sequence[int]:
        if isinstance(document, Manifest):
            return tuple(map(self._number, document.blobs))
        self.opaque += [
            f"{entry.digest}: {entry.media_type!r} in an index is not known"
            for entry in document.manifests
            if entry.media_type not in _DOCUMENTS
        ]
        return tuple(map(self._number, document.manifests))

    def _number(self, blob: Descriptor) -> int:
        number = self._numbers.setdefault(blob.digest, len(self.digests))
        if number == len(self.digests):
            self.digests.append(blob.digest)
            self.sizes.append(blob.size)
        elif blob.size != self.sizes[number]:
            self.disputed.add(number)
        if blob.media_type in _DOCUMENTS and number not in self._below:
            self._unread[number] = blob
        return number


def _is_of_one(error: S3loError) -> bool:
    return isinstance(error, UNREADABLE)


def take_census(
    store: Store,
    seen: Callable[[ObjectInfo], None],
    tolerates: Callable[[S3loError], bool] = _is_of_one,
) -> Census:
    """Read every manifest of a store. ``seen`` is told of every object below ``manifests/``.

    What cannot be read is noted and passed over where the caller ``tolerates`` why (by default, what
    says nothing of the others); a tag that is deleted meanwhile was none.
    """
    census = Census()

    def tags() -> Iterator[Tag]:
        for found in listing(store, MANIFESTS):
            seen(found)
            tag = Tag.at(found)
            if tag is not None:
                yield tag

    extend_census(census, store, tags(), tolerates)
    return census


def extend_census(
    census: Census,
    store: Store,
    tags: Iterable[Tag],
    tolerates: Callable[[S3loError], bool] = _is_of_one,
) -> None:
    """Read these tags as well, and of what they refer to what was not read yet."""

    def read_tag(tag: Tag) -> tuple[Tag, Manifest | Index | str | None]:
        try:
            return tag, parse_document(store.get(tag.key, limit_bytes=MAX_DOCUMENT_BYTES))
        except NotFoundError:
            return tag, None
        except S3loError as error:
            if not tolerates(error):
                raise
            return tag, error.message

    def read_blob(item: tuple[int, Descriptor]) -> tuple[int, Manifest | Index | str]:
        number, blob = item
        try:
            return number, parse_document(read_document(store, blob), blob.media_type)
        except S3loError as error:
            if not (isinstance(error, NotFoundError) or tolerates(error)):
                raise
            return number, error.message

    for tag, read in _each(store, read_tag, tags):
        if isinstance(read, str):
            census.note_unreadable(tag, read)
        elif read is not None:
            census.note_tag(tag, read)
    while unread := census.take_unread():
        for number, found in _each(store, read_blob, unread.items()):
            if isinstance(found, str):
                census.faults.append((unread[number].digest, found))
            else:
                census.note_document(number, found)


def _each(store: Store, read: Callable[[Item], Read], items: Iterable[Item]) -> Iterator[Read]:
    """What reading each item gives. In a directory there is nothing to wait for, and threads took half
    as much CPU time again to get in each other's way."""
    if store.location.scheme == "local":
        return map(read, items)
    return abreast(read, items, READ_AT_A_TIME)
