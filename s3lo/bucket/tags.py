"""Tags: reading, finding and writing the manifest that a tag is."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice

from s3lo.bucket.keys import (
    OCI_LAYOUT,
    TAG_FILES,
    blob_key,
    image_prefix,
    is_signature,
    is_signature_name,
    layout_key,
    manifest_key,
    parse_manifest_key,
    signatures_prefix,
    storage_class,
    tag_prefix,
)
from s3lo.bucket.store import Store
from s3lo.errors import (
    DigestMismatch,
    ImmutableTag,
    IntegrityError,
    NotFoundError,
    RefusedError,
    S3loError,
)
from s3lo.model.digest import Digest
from s3lo.model.documents import MAX_DOCUMENT_BYTES
from s3lo.model.objects import ObjectInfo

_AT_A_TIME = 16
_NAMED_IN_HINT = 8
_LOOKED_AT_FOR_HINT = 1000


def read_tag(store: Store, image: str, tag: str) -> bytes:
    """A tag's manifest or index as it is stored; NotFoundError names the tags that there are."""
    try:
        return store.get(manifest_key(image, tag), limit_bytes=MAX_DOCUMENT_BYTES)
    except NotFoundError as error:
        raise _no_tag(store, image, tag) from error


def list_tags(store: Store, image: str) -> Iterator[str]:
    """The tags of one image, in order; those of images nested below it are not among them."""
    for found in store.list(image_prefix(image)):
        named = parse_manifest_key(found.key)
        if named and named[0] == image:
            yield named[1]


def list_signatures(store: Store, image: str, tag: str) -> list[ObjectInfo]:
    """The signatures of a tag, in order."""
    near = store.level(signatures_prefix(image, tag)).objects
    return [found for found in near if is_signature(found.key, image, tag)]


def tag_keys(store: Store, image: str, tag: str) -> list[str]:
    """Everything that is a tag's own, its manifest first; nothing of an image nested below it."""
    prefix = tag_prefix(image, tag)
    near = [found.key for found in store.level(prefix).objects]
    own = [key for key in near if key[len(prefix) :] in TAG_FILES]
    signatures = [found.key for found in list_signatures(store, image, tag)]
    first = manifest_key(image, tag)
    return sorted(own + signatures, key=lambda key: (key != first, key))


class OwnKeys:
    """Gathers from a listing of ``manifests/`` what :func:`tag_keys` would say of each tag."""

    def __init__(self) -> None:
        self._files: dict[str, list[tuple[str, datetime.datetime | None]]] = {}
        """By the tag's directory: names, and when they were written."""

    def see(self, found: ObjectInfo) -> None:
        directory, _, name = found.key.rpartition("/")
        above, _, last = directory.rpartition("/")
        if name in TAG_FILES:
            own = sys.intern(name), found.last_modified
            self._files.setdefault(directory, []).append(own)
        elif last == "signatures" and is_signature_name(name):
            own = f"{last}/{name}", found.last_modified
            self._files.setdefault(above, []).append(own)

    def of(self, image: str, tag: str) -> list[str]:
        """Everything that is a tag's own, its manifest first."""
        prefix = tag_prefix(image, tag)
        first = manifest_key(image, tag)
        keys = [prefix + name for name, _ in self._files.get(prefix[:-1], ())]
        return sorted({first, *keys}, key=lambda key: (key != first, key))

    def leftovers(
        self, is_young: Callable[[datetime.datetime | None], bool]
    ) -> Iterator[tuple[str, Sequence[str]]]:
        """What stands where a tag was whose deletion was interrupted: the key of its manifest, which is
        gone, and the others. Nothing young, for a push writes the manifest last; and nothing where
        there is more than we write ourselves."""
        for directory, files in self._files.items():
            first = f"{directory}/manifest.json"
            names = [name for name, _ in files]
            is_ours = all(name == "oci-layout" or "/" in name for name in names)
            if is_ours and parse_manifest_key(first) and not any(is_young(at) for _, at in files):
                yield first, [f"{directory}/{name}" for name in names]


def delete_tags(store: Store, keys: Iterable[Sequence[str]]) -> None:
    """Remove tags by what :func:`tag_keys` says of each. All manifests go first: with them the tags
    are gone, wherever this is interrupted."""
    keys = list(keys)
    store.delete(own[0] for own in keys)
    store.delete(key for own in keys for key in own[1:])


def find_by_digest(store: Store, image: str, digest: Digest) -> bytes:
    """The manifest or index with a digest: a platform's, stored as a blob, or a tag of the image.

    Raises NotFoundError where no tag has it, DigestMismatch where the blob is not what its name
    says.
    """
    with suppress(NotFoundError):
        return _read_blob(store, image, digest)
    from concurrent.futures import ThreadPoolExecutor

    def read(tag: str) -> bytes:
        with suppress(NotFoundError):  # deleted since it was listed
            return store.get(manifest_key(image, tag), limit_bytes=MAX_DOCUMENT_BYTES)
        return b""

    tags = list_tags(store, image)
    with ThreadPoolExecutor(_AT_A_TIME) as readers:
        while batch := list(islice(tags, _AT_A_TIME)):
            for raw in readers.map(read, batch):
                if Digest.of(raw) == digest:
                    return raw
    raise NotFoundError(
        f"{store.location}{image} has no manifest {digest}",
        hint=f"`s3lo list --digests {store.location}` shows what there is.",
    )


def write_tag(store: Store, image: str, tag: str, raw: bytes, *, immutable: bool = False) -> None:
    """Make a tag appear, or replace it; what it refers to must be stored already.

    With ``immutable`` a tag that is there raises ImmutableTag, whoever else writes meanwhile.
    """
    write_layout(store, image, tag)
    key = manifest_key(image, tag)
    try:
        store.put(key, raw, if_absent=immutable, storage_class=storage_class(key))
    except RefusedError as error:
        raise ImmutableTag(f"{image}:{tag} is immutable and already there") from error


def write_layout(store: Store, image: str, tag: str) -> None:
    """Write what stands beside every tag's manifest."""
    key = layout_key(image, tag)
    store.put(key, OCI_LAYOUT, storage_class=storage_class(key))


def _read_blob(store: Store, image: str, digest: Digest) -> bytes:
    try:
        raw = store.get(blob_key(digest), limit_bytes=MAX_DOCUMENT_BYTES)
    except IntegrityError as error:
        raise IntegrityError(f"{image}@{digest} is no manifest: it is too large") from error
    if Digest.of(raw) != digest:
        raise DigestMismatch(f"{store.location}{blob_key(digest)} is not what its name says")
    return raw


def _no_tag(store: Store, image: str, tag: str) -> NotFoundError:
    """Say what is there instead, as far as looking is allowed; that the tag is not, is certain."""
    tags: list[str] = []
    try:
        near = islice(store.list(image_prefix(image)), _LOOKED_AT_FOR_HINT)
        named = [name for name in (parse_manifest_key(found.key) for found in near) if name]
        tags = [name for other, name in named if other == image]
    except NotFoundError as no_store:
        return no_store
    except S3loError:
        pass
    hint = f"`s3lo list {store.location}` shows what there is."
    if tags:
        more = ", …" if len(tags) > _NAMED_IN_HINT else ""
        hint = f"{image} has: {', '.join(tags[:_NAMED_IN_HINT])}{more}."
    return NotFoundError(f"{store.location} has no {image}:{tag}", hint=hint)
