"""References: the names users type for stores and for images in them (STORAGE: "References").

Parsing does no I/O. Where a local store's root lies depends on what is on the disk, so the caller
passes the question ("is this directory a store?") as ``is_store``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from s3lo.errors import InvalidReference
from s3lo.model.digest import Digest

COMPONENT = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")
"""A name component (OCI distribution spec, "pulling manifests")."""
LAX_COMPONENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What the Go tool lets pass: read and listed, never created."""
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")

Scheme = Literal["s3", "local"]


def _no_store(_path: str) -> bool:
    return False


class Location(Struct, frozen=True):
    """A store: a bucket by name, or a local root directory as it was written."""

    scheme: Scheme
    name: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.name.rstrip('/')}/"


class ImageReference(Struct, frozen=True):
    """One image in a store, by tag or by digest (exactly one of them is set)."""

    location: Location
    image: str
    tag: str = ""
    digest: Digest | None = None

    @property
    def name(self) -> str:
        """``image:tag`` or ``image@digest``, without the store."""
        return f"{self.image}@{self.digest}" if self.digest else f"{self.image}:{self.tag}"

    def __str__(self) -> str:
        return f"{self.location}{self.name}"

    @property
    def is_creatable(self) -> bool:
        """Whether the image name fits the OCI grammar; laxer names are only read."""
        return all(COMPONENT.fullmatch(c) for c in self.image.split("/"))


def parse_location(text: str, is_store: Callable[[str], bool] = _no_store) -> Location:
    """Take a store: ``s3://bucket/`` or ``local://./dir/``; raises InvalidReference."""
    scheme, rest = _scheme(text)
    if scheme == "s3":
        bucket, _, tail = rest.partition("/")
        if tail:
            raise InvalidReference(f"{text!r} names an image where a bucket is meant")
        return Location("s3", _bucket(bucket, text))
    root, tail = split_local_path(rest, is_store)
    if tail:
        root = f"{root.rstrip('/')}/{tail}"
    return Location("local", root)


def parse_image_reference(text: str, is_store: Callable[[str], bool] = _no_store) -> ImageReference:
    """Take an image; raises InvalidReference with what is wrong and how it should look."""
    scheme, rest = _scheme(text)
    if scheme == "s3":
        bucket, _, name = rest.partition("/")
        location = Location("s3", _bucket(bucket, text))
    else:
        root, name = split_local_path(rest, is_store)
        location = Location("local", root)
    return _with_name(location, name, text)


class RulesTarget(Struct, frozen=True):
    """What rules are about: images by name or pattern, or with an empty pattern all of a store."""

    location: Location
    pattern: str
    tag: str = ""

    def __str__(self) -> str:
        return f"{self.location}{self.pattern}"


def parse_rules_target(text: str, is_store: Callable[[str], bool] = _no_store) -> RulesTarget:
    """Take a store, or an image or a pattern (``dev/*``) in it; raises InvalidReference."""
    scheme, rest = _scheme(text)
    if scheme == "s3":
        bucket, _, name = rest.partition("/")
        location = Location("s3", _bucket(bucket, text))
    else:
        root, name = split_local_path(rest, is_store)
        location = Location("local", root)
    pattern, colon, tag = name.partition(":")
    if colon and not TAG.fullmatch(tag):
        raise InvalidReference(f"{text!r}: {tag!r} is not a tag")
    if pattern or colon:
        _check_image(pattern.replace("*", "x"), text)
    return RulesTarget(location, pattern, tag)


def split_local_path(path: str, is_store: Callable[[str], bool]) -> tuple[str, str]:
    """Divide a local path into the store's root and the name inside it.

    The root is the deepest directory that already is a store; where none is, the first component
    after ``./``, ``../`` or ``/``.
    """
    if "\\" in path or "\0" in path or not path:
        raise InvalidReference(f"local://{path} is not a store path")
    lead, components = _split_lead(path)
    if not components:
        raise InvalidReference(f"local://{path} names no directory")
    prefixes = [lead + "/".join(components[: n + 1]) for n in range(len(components))]
    found = [n for n, prefix in enumerate(prefixes) if is_store(prefix)]
    cut = found[-1] if found else 0
    return prefixes[cut], "/".join(components[cut + 1 :])


def _split_lead(path: str) -> tuple[str, list[str]]:
    """The leading ``/``, ``./`` or ``../..`` of a path, and the plain components after it."""
    lead = "/" if path.startswith("/") else ""
    components = [c for c in path.split("/") if c]
    while components and components[0] in (".", ".."):
        lead += components.pop(0) + "/"
    if any(c in (".", "..") for c in components):
        raise InvalidReference(f"local://{path} steps out of itself")
    return lead, components


def _scheme(text: str) -> tuple[Scheme, str]:
    for scheme in ("s3", "local"):
        prefix = f"{scheme}://"
        if text.startswith(prefix):
            return scheme, text[len(prefix) :]
    raise InvalidReference(f"{text!r} starts with neither s3:// nor local://")


def _bucket(name: str, text: str) -> str:
    if not BUCKET.match(name) or ".." in name:
        raise InvalidReference(f"{text!r}: {name!r} is not a bucket name")
    return name


def _with_name(location: Location, name: str, text: str) -> ImageReference:
    if "@" in name:
        image, _, digest = name.partition("@")
        head, colon, tag = image.rpartition(":")
        # A tag beside the digest says nothing more; a second one is a mistake and stays in the way.
        image = head if colon and TAG.fullmatch(tag) else image
        _check_image(image, text)
        return ImageReference(location, image, digest=Digest.parse(digest))
    image, colon, tag = name.rpartition(":")
    if not colon:
        _check_image(name, text)
        raise InvalidReference(
            f"{text!r} has neither tag nor digest",
            hint=f"Name one, for example {text}:latest; nothing falls back to it.",
        )
    _check_image(image, text)
    if not TAG.fullmatch(tag):
        raise InvalidReference(f"{text!r}: {tag!r} is not a tag")
    return ImageReference(location, image, tag)


def _check_image(image: str, text: str) -> None:
    if not image:
        raise InvalidReference(f"{text!r} names no image")
    if len(image) > 255 or not all(LAX_COMPONENT.fullmatch(c) for c in image.split("/")):
        raise InvalidReference(f"{text!r}: {image!r} is not an image name")
