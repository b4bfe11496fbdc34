"""stats: what a store holds, what sharing saves, and what a month of it costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from s3lo import errors
from s3lo.bucket import prices
from s3lo.bucket.keys import BLOBS, CHUNK_PREFIXES, RECIPES
from s3lo.bucket.listing import listing
from s3lo.bucket.local import is_store
from s3lo.bucket.options import ConnectionOptions
from s3lo.bucket.store import Store
from s3lo.engine.options import EngineOptions
from s3lo.events import Note, Observer, ignore
from s3lo.model.objects import ObjectInfo
from s3lo.model.reference import Location, parse_location
from s3lo.operations.census import Census, take_census
from s3lo.operations.depot import opened
from s3lo.operations.results import SharedBlob, StatsResult

_MOST_SHARED = 20
_NO_CONNECTION = ConnectionOptions()


class _Inventory:
    """Counts the objects of a store."""

    def __init__(self, location: Location) -> None:
        self._is_local = location.scheme == "local"
        self.uses: defaultdict[str, prices.Use] = defaultdict(prices.Use)
        self.stored_bytes = 0

    def add(self, found: ObjectInfo) -> None:
        self.stored_bytes += found.size
        self.uses["LOCAL" if self._is_local else found.storage_class].add(found.size)

    def monthly_usd(self) -> float:
        return 0.0 if self._is_local else prices.monthly_usd(self.uses)


def stats(
    bucket: str,
    *,
    layers: bool = False,
    connection: ConnectionOptions = _NO_CONNECTION,
    observer: Observer = ignore,
) -> StatsResult:
    """Count a store; with ``layers`` also which blobs are shared most, and by which images.

    Each manifest is read once, many at a time. Those that cannot be are named in ``unreadable``,
    and the observer is told. Raises the errors of ``s3lo.errors``.
    """
    with errors.context("counting", bucket):
        location = parse_location(bucket, is_store)
        with opened(location, connection, EngineOptions()) as depot:
            result = _count(depot.store, location, layers)
    for line in result.unreadable:
        observer(Note(f"unreadable: {line}"))
    return result


def _count(store: Store, location: Location, layers: bool) -> StatsResult:
    inventory = _Inventory(location)
    census = take_census(store, inventory.add)
    tags_bytes = inventory.stored_bytes
    blobs = 0
    for found in listing(store, BLOBS):
        inventory.add(found)
        blobs += 1
    blobs_end_bytes = inventory.stored_bytes
    chunked = set()
    for prefix in CHUNK_PREFIXES:
        for found in listing(store, prefix):
            inventory.add(found)
            if prefix == RECIPES:
                chunked.add(f"sha256:{found.key[len(RECIPES) :]}")
    chunk_bytes = inventory.stored_bytes - blobs_end_bytes
    tags_of = _tags_of_each(census)
    once = sum(
        size
        for digest, size, tags in zip(census.digests, census.sizes, tags_of, strict=True)
        if tags and digest not in chunked
    )
    alone = sum(size * tags for size, tags in zip(census.sizes, tags_of, strict=True))
    return StatsResult(
        images=len({tag.image for tag, _ in census.tags}),
        tags=len(census.tags),
        blobs=blobs,
        stored_bytes=inventory.stored_bytes,
        logical_bytes=tags_bytes + alone,
        saved_bytes=max(0, alone - once - chunk_bytes),
        by_storage_class={name: use.bytes_ for name, use in sorted(inventory.uses.items())},
        monthly_cost_usd=round(inventory.monthly_usd(), 4),
        prices=f"{prices.SOURCE} ({prices.REGION}, {prices.DATE})",
        layers=_most_shared(census, tags_of) if layers else (),
        unreadable=tuple(census.unreadable),
    )


def _tags_of_each(census: Census) -> Sequence[int]:
    """How many tags refer to each blob, by its number."""
    tags = [0] * len(census.digests)
    for _, named in census.tags:
        for number in census.closure(named):
            tags[number] += 1
    return tags


def _most_shared(census: Census, tags_of: Sequence[int]) -> tuple[SharedBlob, ...]:
    """Those whose sharing saves most, with the images that share them."""
    saved = {n: census.sizes[n] * (tags - 1) for n, tags in enumerate(tags_of) if tags > 1}
    top = sorted(saved, key=lambda n: (-saved[n], census.digests[n]))[:_MOST_SHARED]
    images: dict[int, set[str]] = {n: set() for n in top}
    for tag, named in census.tags:
        for number in census.closure(named).intersection(images):
            images[number].add(tag.image)
    return tuple(
        SharedBlob(
            digest=str(census.digests[n]),
            size=census.sizes[n],
            tags=tags_of[n],
            images=tuple(sorted(images[n])),
            saved_bytes=saved[n],
        )
        for n in top
    )
