"""Examination: all that doctor reads of a store but the content of layers, each part by itself.

What cannot be read stands in the place of what it would have been, and the rest is read all the same.
Manifests are read before blobs are listed: a push writes them the other way round, so that no blob of
a tag that was seen is missed.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from s3lo.bucket.access import Access, try_access
from s3lo.bucket.keys import BLOBS, CHUNK_PREFIXES
from s3lo.bucket.layout import (
    CONTENT_PREFIXES,
    Named,
    TagFolders,
    foreign_above_content,
    foreign_at_top,
)
from s3lo.bucket.listing import listing
from s3lo.bucket.rules import Rulebook, load_rules
from s3lo.bucket.store import Store
from s3lo.errors import Interrupted, NotFoundError, S3loError, ServiceError, ThrottledError
from s3lo.events import Observer
from s3lo.model.objects import ObjectInfo, Unfinished
from s3lo.model.reference import Location
from s3lo.operations.census import Census, take_census
from s3lo.operations.cleaning.lifecycle import Grace
from s3lo.operations.examining.inventory import Inventory
from s3lo.operations.phase import Phase
from s3lo.operations.resolve import UNREADABLE

T = TypeVar("T")

_MOST_FAILURES = 100
"""Documents that a service may fail to deliver, after all that each was tried, before it is the
service."""


class Examination(Struct, frozen=True):
    """What was read, or why it could not be."""

    location: Location
    grace: Grace
    rules: Rulebook | S3loError
    census: Census | S3loError
    folders: TagFolders
    foreign: Named
    """Beside the folders of a store."""
    unlisted: tuple[S3loError, ...]
    """Why it is not known everywhere what else there is."""
    inventory: Inventory
    blobs_error: S3loError | None
    """Why blobs could not be listed to their end."""
    uploads: Sequence[Unfinished] | S3loError
    access: Access


def examine(
    store: Store, grace_seconds: float, observer: Observer, *, keeps_names: bool
) -> Examination:
    """Read a store. Raises NotFoundError where there is none, ServiceError where it does not answer,
    and where nothing at all may be read what came of the first try."""
    top = _attempt(lambda: store.level(""))
    if isinstance(top, NotFoundError | ServiceError) and not isinstance(top, ThrottledError):
        raise top
    foreign, unlisted = Named(), _errors([top])
    for key in foreign_at_top(top) if not isinstance(top, S3loError) else ():
        foreign.add(key)
    grace = Grace(_now(store), grace_seconds)
    rules = _attempt(lambda: load_rules(store))
    folders = TagFolders(grace.spares)
    with Phase("manifests", observer):
        census = _attempt(lambda: take_census(store, folders.see, _Tolerance()))
    known = Census() if isinstance(census, S3loError) else census
    inventory = Inventory(known, grace, keeps_names=keeps_names)
    with Phase("blobs", observer):
        blobs_error = _each(store, BLOBS, inventory.see_blob)
        chunk_errors = [_each(store, prefix, inventory.see_chunk) for prefix in CHUNK_PREFIXES]
        beside_errors = [_look_beside(store, prefix, foreign) for prefix in CONTENT_PREFIXES]
    if all(isinstance(part, S3loError) for part in (top, rules, census, blobs_error)):
        raise unlisted[0]
    return Examination(
        location=store.location,
        grace=grace,
        rules=rules,
        census=census,
        folders=folders,
        foreign=foreign,
        unlisted=(*unlisted, *_errors([*chunk_errors, *beside_errors])),
        inventory=inventory,
        blobs_error=blobs_error,
        uploads=_attempt(lambda: list(store.unfinished())),
        access=try_access(store),
    )


class _Tolerance:
    """What is passed over while manifests are read: more than others do, but not a service that
    serves none."""

    def __init__(self) -> None:
        self._failures = 0

    def __call__(self, error: S3loError) -> bool:
        if isinstance(error, ServiceError):
            self._failures += 1
            return self._failures <= _MOST_FAILURES
        return isinstance(error, UNREADABLE)


def _attempt(call: Callable[[], T]) -> T | S3loError:
    try:
        return call()
    except Interrupted:
        raise
    except S3loError as error:
        return error


def _each(store: Store, prefix: str, see: Callable[[ObjectInfo], None]) -> S3loError | None:
    """Look at each object below a prefix; gives what ended that early."""

    def look() -> None:
        for found in listing(store, prefix):
            see(found)

    return _attempt(look)


def _look_beside(store: Store, prefix: str, foreign: Named) -> S3loError | None:
    def look() -> None:
        above = f"{prefix.split('/')[0]}/"
        for key in foreign_above_content(store.level(above), prefix):
            foreign.add(key)

    return _attempt(look)


def _errors(parts: Sequence[object]) -> tuple[S3loError, ...]:
    return tuple(part for part in parts if isinstance(part, S3loError))


def _now(store: Store) -> datetime.datetime:
    """By the store's clock, where it tells: not every reader may ask for it."""
    now = _attempt(store.now)
    return datetime.datetime.now(datetime.timezone.utc) if isinstance(now, S3loError) else now
