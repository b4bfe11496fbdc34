"""Survey: all that a clean has to know of a store before it may delete anything.

tags ──► manifests, indexes at any depth ──► blobs
                                              └──► recipes under their digests ──► chunks
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from msgspec import Struct

from s3lo.abreast import abreast
from s3lo.bucket import keys
from s3lo.bucket.catalog import Tag, catalog
from s3lo.bucket.listing import listing
from s3lo.bucket.store import Store
from s3lo.bucket.tags import OwnKeys
from s3lo.errors import NotFoundError
from s3lo.model.attachment import subject_of
from s3lo.model.digest import Digest
from s3lo.model.objects import ObjectInfo
from s3lo.model.recipe import MAX_RECIPE_BYTES, chunks_of
from s3lo.operations.census import extend_census, take_census
from s3lo.operations.cleaning.lifecycle import Grace
from s3lo.operations.resolve import UNREADABLE

_READ_AT_A_TIME = 16
_RECIPES_ROOT = "recipes/"


class Needed(Struct, frozen=True):
    """What has to stay, by digests of 32 bytes: those of chunks are of what is in them."""

    digests: frozenset[bytes]
    chunks: frozenset[bytes]

    def has(self, key: str) -> bool:
        """Whether an object has to stay; what is no content has to."""
        digest = keys.content_digest(key)
        if digest is None:
            return True
        return digest in (self.chunks if key.startswith(keys.CHUNKS) else self.digests)


class _Recipe(Struct, frozen=True):
    chunks: frozenset[bytes]
    is_young: bool


class Survey:
    """What a store has and needs; extended when tags have appeared meanwhile."""

    def __init__(self, store: Store, grace: Grace) -> None:
        self._store = store
        self._grace = grace
        self._recipes: dict[bytes, _Recipe] = {}
        self._unreadable: list[str] = []
        self.own_keys = OwnKeys()
        self.census = take_census(store, self.own_keys.see)
        self._read_recipes()

    @property
    def unreadable(self) -> list[str]:
        """A line each: what could not be read or understood. Nobody knows what it needs."""
        return [*self.census.unreadable, *self.census.opaque, *self._unreadable]

    @property
    def tags(self) -> list[Tag]:
        return [tag for tag, _ in self.census.tags]

    def digests(self) -> dict[str, list[Digest]]:
        """Of images that have tags which belong to manifests: by key, each tag's own digest and those
        of the manifests in its index."""
        images = {tag.image for tag in self.tags if subject_of(tag.name)}
        found = zip(self.census.tags, self.census.roots, strict=True)
        return {
            tag.key: [*([root] if root else []), *self.census.documents(named)]
            for (tag, named), root in found
            if tag.image in images
        }

    def look_again(self) -> list[Tag]:
        """The tags that are there now; those that are new or written anew are read."""
        known = set(map(_version, self.tags))
        now = list(catalog(self._store))
        new = (tag for tag in now if _version(tag) not in known)
        extend_census(self.census, self._store, new)
        self._read_recipes()
        return now

    def needed(self, tags: Iterable[Tag]) -> Needed:
        """What these tags need. A young recipe needs its chunks whoever needs it: that may come."""
        wanted = set(map(_version, tags))
        found = list(zip(self.census.tags, self.census.roots, strict=True))
        kept = [(named, root) for (tag, named), root in found if _version(tag) in wanted]
        numbers = self.census.closure(list(chain.from_iterable(named for named, _ in kept)))
        roots = (root for _, root in kept if root)
        all_digests = chain(roots, (self.census.digests[number] for number in numbers))
        digests = {bytes.fromhex(digest.hex) for digest in all_digests}
        digests.update(digest for digest, recipe in self._recipes.items() if recipe.is_young)
        used = (recipe.chunks for digest, recipe in self._recipes.items() if digest in digests)
        return Needed(frozenset(digests), frozenset().union(*used))

    def garbage(self, needed: Needed) -> Iterator[ObjectInfo]:
        """What of the content nobody needs and is old enough to go. Recipes come before what they are
        made of: one that is there is whole, wherever a clean is interrupted."""
        for prefix in (keys.RECIPES, keys.INDEXES, keys.CHUNKS, keys.BLOBS):
            for found in listing(self._store, prefix):
                if not needed.has(found.key) and not self._grace.spares(found.last_modified):
                    yield found

    def _read_recipes(self) -> None:
        """Read those that are not known yet."""

        def read(found: ObjectInfo) -> tuple[ObjectInfo, frozenset[bytes] | str]:
            if not found.key.startswith(keys.RECIPES) or keys.content_digest(found.key) is None:
                return found, "not known as a recipe"
            try:
                raw = self._store.get(found.key, limit_bytes=MAX_RECIPE_BYTES)
                return found, chunks_of(raw)
            except NotFoundError:
                return found, frozenset()
            except UNREADABLE as error:
                return found, error.message

        unknown = (
            found
            for found in listing(self._store, _RECIPES_ROOT)
            if keys.content_digest(found.key) not in self._recipes
        )
        for found, chunks in abreast(read, unknown, _READ_AT_A_TIME):
            if isinstance(chunks, str):
                self._unreadable.append(f"{found.key}: {chunks}")
            elif digest := keys.content_digest(found.key):
                is_young = self._grace.spares(found.last_modified)
                self._recipes[digest] = _Recipe(chunks, is_young)


def _version(tag: Tag) -> tuple[object, ...]:
    """What tells a tag from the same one written anew."""
    return tag.key, tag.etag, tag.last_modified, tag.size
