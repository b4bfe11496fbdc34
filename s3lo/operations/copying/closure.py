"""Closure: all that an image consists of, by documents that were read: manifests and blobs."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from s3lo.abreast import abreast
from s3lo.errors import IntegrityError
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor, Index, Manifest, parse_document
from s3lo.model.platform import Platform
from s3lo.model.selection import entries_for, narrowed, with_attestations

MAX_DEPTH = 8
"""Of indexes inside indexes. Images have one; who nests more is looking for somebody's stack."""
_READ_AT_A_TIME = 8

Read = Callable[[Descriptor], bytes]
"""Gives a document, proven to be what its descriptor says."""


class Closure(Struct, frozen=True):
    """``documents`` are the manifests and indexes below the root, which become blobs themselves;
    ``blobs`` all else. Each digest is there once."""

    root: Manifest | Index
    documents: tuple[Manifest | Index, ...]
    blobs: tuple[Descriptor, ...]

    @property
    def needed(self) -> tuple[Descriptor, ...]:
        """All that has to be there as a blob for the root to be whole."""
        return (*self.blobs, *(document.descriptor() for document in self.documents))

    @property
    def entries(self) -> tuple[Descriptor, ...]:
        """Of all of its indexes."""
        indexes = (each for each in (self.root, *self.documents) if isinstance(each, Index))
        return tuple(entry for index in indexes for entry in index.manifests)


def read_closure(root: Manifest | Index, read: Read) -> Closure:
    """Follow what a document names, level by level, many reads at a time.

    Raises IntegrityError for indexes that are nested too deep, and what ``read`` raises.
    """
    documents: dict[Digest, Manifest | Index] = {}
    level = [root]
    for _ in range(MAX_DEPTH):
        ahead = {
            entry.digest: entry
            for document in level
            if isinstance(document, Index)
            for entry in document.manifests
            if entry.digest not in documents
        }
        if not ahead:
            break
        level = list(abreast(lambda entry: _parsed(entry, read), ahead.values(), _READ_AT_A_TIME))
        documents.update(zip(ahead, level, strict=True))
    else:
        raise IntegrityError(f"{root.digest} nests indexes more than {MAX_DEPTH} deep")
    everything = (root, *documents.values())
    manifests = [each for each in everything if isinstance(each, Manifest)]
    blobs = {blob.digest: blob for manifest in manifests for blob in manifest.blobs}
    return Closure(root, tuple(documents.values()), tuple(blobs.values()))


def selected(
    root: Manifest | Index, platforms: tuple[Platform, ...], read: Read
) -> Manifest | Index:
    """What a copy of some platforms has as its root: of one its manifest, of several an index of
    these and what attests them. Without ``platforms``, or of a single manifest, the root as it is.

    Raises NotFoundError for a platform that is not there.
    """
    if not platforms or isinstance(root, Manifest):
        return root
    entries = entries_for(root, platforms)
    if len(entries) == 1:
        return _parsed(entries[0], read)
    return narrowed(root, with_attestations(root, entries))


def _parsed(entry: Descriptor, read: Read) -> Manifest | Index:
    return parse_document(read(entry), entry.media_type)
