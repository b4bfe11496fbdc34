"""Keys: what lies where in a store (STORAGE: "Objects"). The only place that spells them."""

from __future__ import annotations

import re

from s3lo.bucket.options import BLOB_CLASS
from s3lo.model.digest import Digest
from s3lo.model.reference import LAX_COMPONENT, TAG

RULES_KEY = "s3lo.yaml"
CLEANING_KEY = "s3lo.cleaning"
"""There while a clean is at work (``s3lo.bucket.cleaning``)."""
BLOBS = "blobs/sha256/"
MANIFESTS = "manifests/"
RECIPES = "recipes/sha256/"
CHUNKS = "chunks/sha256/"
INDEXES = "indexes/sha256/"
CHUNK_PREFIXES = (CHUNKS, INDEXES, RECIPES)
"""Where the Go tool (version 2 on) keeps layers in chunks."""
_MANIFEST = "/manifest.json"
_COMPONENT = LAX_COMPONENT.pattern
_MANIFEST_KEY = re.compile(
    rf"{MANIFESTS}((?:{_COMPONENT}/)*{_COMPONENT})/({TAG.pattern}){re.escape(_MANIFEST)}"
)
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_SIGNATURE = re.compile(r"[0-9a-f]{16}\.json\Z")

TAG_FILES = frozenset({"manifest.json", "oci-layout", "config.json", "index.json", "history.json"})
"""What lies in a tag's directory; of these the Go tool's version 1 wrote the last three."""

OCI_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
"""The content of every ``oci-layout`` object."""

STORE_MARKS = ("blobs", "manifests", RULES_KEY)
"""What a directory holds, any one of them, if it is a store."""


def blob_key(digest: Digest) -> str:
    """Where content with this digest lies: layers, configs, platforms' manifests."""
    return BLOBS + digest.hex


def content_digest(key: str) -> bytes | None:
    """The 32 bytes that an object is named by: a blob, or what the Go tool keeps of chunked layers;
    None for any other key."""
    hex_ = key.rpartition("/")[2]
    if not _DIGEST.match(hex_) or key[: -len(hex_)] not in (BLOBS, *CHUNK_PREFIXES):
        return None
    return bytes.fromhex(hex_)


def recipe_key(digest: Digest) -> str:
    """Where the Go tool (version 2 on) says which chunks a layer is made of."""
    return RECIPES + digest.hex


def tag_prefix(image: str, tag: str) -> str:
    """What a tag's keys begin with, and those of an image that is nested below it."""
    return f"{MANIFESTS}{image}/{tag}/"


def image_prefix(image: str) -> str:
    """What the keys of an image's tags begin with, and those of images nested below it."""
    return f"{MANIFESTS}{image}/"


def manifest_key(image: str, tag: str) -> str:
    """Where a tag's manifest or index lies; its presence is the tag."""
    return f"{MANIFESTS}{image}/{tag}{_MANIFEST}"


def layout_key(image: str, tag: str) -> str:
    return f"{MANIFESTS}{image}/{tag}/oci-layout"


def signatures_prefix(image: str, tag: str) -> str:
    """What the keys of a tag's signatures begin with, and those of an image ``<image>/<tag>``
    whose tag is called ``signatures``: see :func:`is_signature`."""
    return f"{MANIFESTS}{image}/{tag}/signatures/"


def is_signature(key: str, image: str, tag: str) -> bool:
    """Whether a key is that of a signature of this very tag."""
    prefix = signatures_prefix(image, tag)
    return key.startswith(prefix) and is_signature_name(key[len(prefix) :])


def is_signature_name(name: str) -> bool:
    """Whether a signature's file is called like this."""
    return bool(_SIGNATURE.match(name))


def parse_manifest_key(key: str) -> tuple[str, str] | None:
    """Image and tag of a manifest's key; None where the key is not one.

    Names that only the Go tool lets pass (upper case) are understood too.
    """
    if not key.endswith(_MANIFEST):
        return None
    named = _MANIFEST_KEY.fullmatch(key)
    return (named[1], named[2]) if named else None


def storage_class(key: str) -> str:
    """The S3 storage class that an object is written with."""
    return BLOB_CLASS if key.startswith(BLOBS) else "STANDARD"
