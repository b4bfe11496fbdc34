"""Listing: what lies below a prefix, in key order, by many requests at one time where it is long.

S3 gives 1000 keys an answer and the next ones only after these. So the first answer is taken as it
is, for most listings end with it. What comes after it is divided at the folders that lie there
(one request tells 1000 of them), and the divisions are listed side by side.

    one after another   ├──────────►
    side by side                   ├───►├───►├───►├───►
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise, takewhile

from msgspec import Struct

from s3lo.abreast import abreast
from s3lo.bucket.store import Store
from s3lo.model.objects import Level, ObjectInfo

PAGE = 1000
"""Keys in one answer of S3 (Amazon S3 API reference, ListObjectsV2)."""

_FULL = 0.9
"""Of a page, how much a division is to fill, so that most need one request and few a second."""
_SIDE_BY_SIDE = 32
_DEEPEST = 3
"""Levels of folders that are looked into for enough of them."""
_ENOUGH = 16
_HASHES = 1 << 32
"""Names that are hashes are told apart by so many beginnings, of eight digits."""
_MOST_BOUNDS = 1024


class Division(Struct, frozen=True):
    """Keys that start with ``prefix``, after one and up to another; an empty bound is none."""

    prefix: str
    after: str = ""
    last: str = ""


def listing(store: Store, prefix: str) -> Iterator[ObjectInfo]:
    """Every object whose key starts with ``prefix``, in the order that the store has."""
    if store.location.scheme == "local":  # nothing to wait for
        yield from store.list(prefix)
        return
    first = list(islice(store.list(prefix), PAGE))
    yield from first
    if len(first) < PAGE:
        return

    def listed(division: Division) -> list[ObjectInfo]:
        found = store.list(division.prefix, after=division.after)
        last = division.last
        return list(takewhile(lambda each: each.key <= last, found) if last else found)

    for part in abreast(listed, _divisions(store, prefix, first[-1].key), _SIDE_BY_SIDE):
        yield from part


def _divisions(store: Store, prefix: str, after: str) -> Sequence[Division]:
    """What comes after a key, the last of a full page, divided."""
    if prefix.endswith("/sha256/"):
        return _between(prefix, after, _even_bounds(prefix, after))
    level = _folders(store, prefix, after)
    folders = level.folders
    if list(folders) != sorted(folders):
        # SeaweedFS has "b/" before "b-/", as directories have it: no key says there what is ahead.
        return [Division(prefix, after)]
    ahead = [folder for folder in folders if folder > after]
    # As many folders as were in a page, for those ahead are hardly all larger or all smaller.
    step = int(_FULL * (len(folders) - len(ahead)))
    if step <= 1 and not level.objects:
        begun = [folder for folder in folders if after.startswith(folder)]
        # A listing by a folder's own prefix ends with the folder: no answer tells nothing new.
        return [*(Division(folder, after) for folder in begun), *map(Division, ahead)]
    return _between(prefix, after, ahead[:: max(1, step)])


def _between(prefix: str, after: str, bounds: Sequence[str]) -> Sequence[Division]:
    return [Division(prefix, *pair) for pair in pairwise((after, *bounds, ""))]


def _even_bounds(prefix: str, after: str) -> Sequence[str]:
    """Bounds between names that are hashes: these lie evenly, so the first page tells how many
    there are."""
    try:
        reached = 1 + int(after[len(prefix) :][:8], 16)
    except ValueError:  # a name that is none
        return []
    step = max(_HASHES // _MOST_BOUNDS, int(_FULL * reached))
    bounds = (f"{prefix}{bound:08x}" for bound in range(reached + step, _HASHES, step))
    return [bound for bound in bounds if bound > after]


def _folders(store: Store, prefix: str, after: str) -> Level:
    """Folders, those below each other where they are few, and what lies beside them after a key."""
    objects: list[ObjectInfo] = []
    folders: Sequence[str] = [prefix]
    for _ in range(_DEEPEST):
        levels = list(abreast(store.level, folders, _SIDE_BY_SIDE))
        objects += (found for level in levels for found in level.objects if found.key > after)
        folders = [folder for level in levels for folder in level.folders]
        remaining = [folder for folder in folders if folder > after or after.startswith(folder)]
        if not 0 < len(remaining) < _ENOUGH:
            break
        folders = remaining
    return Level(tuple(objects), tuple(folders))
