"""Catalog: every tag of a store, or those that a pattern matches."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from msgspec import Struct

from s3lo.bucket.keys import MANIFESTS, parse_manifest_key
from s3lo.bucket.listing import listing
from s3lo.bucket.store import Store
from s3lo.model.glob import glob
from s3lo.model.objects import ObjectInfo


class Tag(Struct, frozen=True):
    """A tag as a listing shows it: where its manifest lies, and since when."""

    image: str
    name: str
    key: str
    size: int
    last_modified: datetime.datetime | None
    etag: str = ""

    @classmethod
    def at(cls, found: ObjectInfo) -> Tag | None:
        """The tag that an object is; None for an object that is none."""
        named = parse_manifest_key(found.key)
        if not named:
            return None
        return cls(*named, found.key, found.size, found.last_modified, found.etag)

    def __str__(self) -> str:
        return f"{self.image}:{self.name}"


def catalog(store: Store, pattern: str = "") -> Iterator[Tag]:
    """The tags that a pattern matches, in the order of their keys, as they are found.

    ``team/*`` is matched with image names, ``team/*:v*`` with a tag as well; the empty pattern
    matches all.
    """
    image, _, name = pattern.partition(":")
    is_image, is_name = glob(image), glob(name or "*")
    for found in listing(store, _prefix(image)):
        tag = Tag.at(found)
        if tag and (not image or is_image.match(tag.image)) and is_name.match(tag.name):
            yield tag


def _prefix(image: str) -> str:
    """What the keys of all images that a pattern matches begin with."""
    literal, star, _ = image.partition("*")
    return MANIFESTS + literal + ("/" if image and not star else "")
