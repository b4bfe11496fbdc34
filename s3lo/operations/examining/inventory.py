"""Inventory: the content of a store, counted as it is listed: what tags need of it, and what not."""

from __future__ import annotations

from array import array
from collections import defaultdict

from msgspec import Struct

from s3lo.bucket import keys
from s3lo.bucket.layout import Named
from s3lo.bucket.prices import MONITORED_FROM_BYTES
from s3lo.model.objects import ObjectInfo
from s3lo.operations.census import Census
from s3lo.operations.cleaning.lifecycle import Grace

ABSENT = -1


class Amount(Struct):
    """Of objects."""

    count: int = 0
    bytes_: int = 0

    def add(self, size_bytes: int) -> None:
        self.count += 1
        self.bytes_ += size_bytes


class Inventory:
    """Blobs and chunks. What tags need goes by the numbers of the census, which are dense."""

    def __init__(self, census: Census, grace: Grace, *, keeps_names: bool) -> None:
        """``keeps_names``: of all blobs, for who is going to read them."""
        self.sizes = array("q", [ABSENT]) * len(census.digests)
        self.blobs = Amount()
        self.orphans = Amount()
        self.old_orphans = Amount()
        """Of these, what is older than the grace period."""
        self.chunked: set[int] = set()
        """Blobs that have a recipe."""
        self.foreign = Named()
        self.classes: defaultdict[str, Amount] = defaultdict(Amount)
        self.large_classes: defaultdict[str, Amount] = defaultdict(Amount)
        """Of these, what Intelligent-Tiering would watch."""
        self.names: list[bytes] = []
        self.named_sizes = array("q")
        self._census = census
        self._roots = {root for root in census.roots if root}
        self._grace = grace
        self._keeps_names = keeps_names

    def see_blob(self, found: ObjectInfo) -> None:
        name = keys.content_digest(found.key)
        if name is None:
            self.foreign.add(found.key)
            return
        self.blobs.add(found.size)
        self.classes[found.storage_class].add(found.size)
        if found.size >= MONITORED_FROM_BYTES:
            self.large_classes[found.storage_class].add(found.size)
        if self._keeps_names:
            self.names.append(name)
            self.named_sizes.append(found.size)
        digest = f"sha256:{name.hex()}"
        number = self._census.number_of(digest)
        if number is not None:
            self.sizes[number] = found.size
        elif digest not in self._roots:
            self.orphans.add(found.size)
            if not self._grace.spares(found.last_modified):
                self.old_orphans.add(found.size)

    def see_chunk(self, found: ObjectInfo) -> None:
        """A chunk, an index of one, or the recipe of a layer."""
        name = keys.content_digest(found.key)
        if name is None:
            self.foreign.add(found.key)
        elif found.key.startswith(keys.RECIPES):
            number = self._census.number_of(f"sha256:{name.hex()}")
            if number is not None:
                self.chunked.add(number)
