"""Listing: what lies below a prefix, in key order, by many requests at one time where it is long.

S3 gives 1000 keys an answer and the next ones only after these. So the first answer is taken as it
is, for most listings end with it. What comes after it is divided at the folders that lie there
(one request tells 1000 of them), and the divisions are listed side by side.

    one after another   ├──────────►
    side by side                   ├───►├───►├───►├───►
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, takewhile

from s3lo.abreast import abreast
from s3lo.bucket.store import Store
from s3lo.model.objects import ObjectInfo

PAGE = 1000
"""Keys in one answer of S3 (Amazon S3 API reference, ListObjectsV2)."""

_SIDE_BY_SIDE = 16
_DEEPEST = 3
"""Levels of folders that are looked into for enough of them."""


def listing(store: Store, prefix: str) -> Iterator[ObjectInfo]:
    """Every object whose key starts with ``prefix``, in the order that the store has."""
    if store.location.scheme == "local":  # nothing to wait for
        yield from store.list(prefix)
        return
    first = list(islice(store.list(prefix), PAGE))
    yield from first
    if len(first) < PAGE:
        return
    starts = [first[-1].key, *_bounds(store, prefix, first[-1].key)]
    ends = [*starts[1:], ""]

    def between(start: str, end: str) -> list[ObjectInfo]:
        found = store.list(prefix, after=start)
        return list(takewhile(lambda each: not end or each.key <= end, found))

    spans = zip(starts, ends, strict=True)
    for part in abreast(lambda span: between(*span), spans, _SIDE_BY_SIDE):
        yield from part


def _bounds(store: Store, prefix: str, after: str) -> Sequence[str]:
    """Where to divide what comes after a key."""
    if prefix.endswith("/sha256/"):  # names are hashes: they lie evenly
        folders = [f"{prefix}{digit}" for digit in "0123456789abcdef"]
    else:
        folders = list(_folders(store, prefix, after))
    if folders != sorted(folders):
        # SeaweedFS has "b/" before "b-/", as directories have it: no key says there what is ahead.
        return []
    ahead = [folder for folder in folders if folder > after]
    step = max(1, len(ahead) // _SIDE_BY_SIDE)
    return ahead[::step]


def _folders(store: Store, prefix: str, after: str) -> Sequence[str]:
    """Folders that do not end before a key: those below each other where they are few."""
    folders: Sequence[str] = [prefix]
    for _ in range(_DEEPEST):
        levels = abreast(store.level, folders, _SIDE_BY_SIDE)
        below = [folder for level in levels for folder in level.folders]
        folders = [folder for folder in below if folder > after or after.startswith(folder)]
        if not 0 < len(folders) < _SIDE_BY_SIDE:
            break
    return folders
