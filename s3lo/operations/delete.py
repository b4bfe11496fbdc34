"""delete: one tag, exactly, or all tags of an image that are one digest. Blobs stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from s3lo import errors
from s3lo.abreast import abreast
from s3lo.bucket.catalog import Tag, catalog
from s3lo.bucket.local import is_store
from s3lo.bucket.options import ConnectionOptions
from s3lo.bucket.rules import load_rules
from s3lo.bucket.store import Store
from s3lo.bucket.tags import delete_tags, read_tag, tag_keys
from s3lo.engine.options import EngineOptions
from s3lo.errors import ImmutableTag, IntegrityError, NotFoundError, UsageError
from s3lo.events import Note, Observer, ignore
from s3lo.model.digest import Digest
from s3lo.model.documents import MAX_DOCUMENT_BYTES
from s3lo.model.reference import ImageReference, parse_image_reference
from s3lo.operations.depot import opened
from s3lo.operations.resolve import READ_AT_A_TIME
from s3lo.operations.results import DeletedTag, DeleteResult

_NO_CONNECTION = ConnectionOptions()


def delete(
    reference: str,
    *,
    dry_run: bool = False,
    all_tags: bool = False,
    force: bool = False,
    connection: ConnectionOptions = _NO_CONNECTION,
    observer: Observer = ignore,
) -> DeleteResult:
    """Remove a tag: its manifest first, then what else is its own.

    A digest means every tag of the image that has it, and needs ``all_tags``. An immutable tag
    raises ImmutableTag unless ``force``. With ``dry_run`` nothing is removed. Raises NotFoundError
    where there is no such tag.
    """
    with errors.context("deleting", reference):
        target = parse_image_reference(reference, is_store)
        _check(target, all_tags)
        with opened(target.location, connection, EngineOptions()) as depot:
            store = depot.store
            named = list(_with_digest(store, target) if target.digest else _with_tag(store, target))
            _check_rules(store, target, force, observer)
            if not dry_run:
                delete_tags(store, [tag.keys for tag in named])
        return DeleteResult(str(target), tuple(named), dry_run)


def _check(target: ImageReference, all_tags: bool) -> None:
    if target.digest and not all_tags:
        raise UsageError(
            "a digest may be several tags",
            hint="Name a tag, or delete all that have this digest with --all-tags.",
        )
    if all_tags and not target.digest:
        raise UsageError(
            "--all-tags goes with a digest", hint="`s3lo list --digests` shows a tag's digest."
        )


def _check_rules(store: Store, target: ImageReference, force: bool, observer: Observer) -> None:
    if not load_rules(store).effective(target.image).immutable:
        return
    if not force:
        raise ImmutableTag(f"{target.name} is immutable", hint="Override the rule with --force.")
    observer(Note(f"{target.name} is immutable: overriding the rule as asked"))


def _with_tag(store: Store, target: ImageReference) -> Iterator[DeletedTag]:
    digest = ""
    with suppress(IntegrityError):  # too large for a manifest: good riddance
        digest = str(Digest.of(read_tag(store, target.image, target.tag)))
    yield _named(store, target.image, target.tag, digest)


def _with_digest(store: Store, target: ImageReference) -> Iterator[DeletedTag]:
    def digest_of(tag: Tag) -> tuple[Tag, Digest | None]:
        with suppress(NotFoundError, IntegrityError):
            return tag, Digest.of(store.get(tag.key, limit_bytes=MAX_DOCUMENT_BYTES))
        return tag, None

    found = abreast(digest_of, catalog(store, target.image), READ_AT_A_TIME)
    tags = [tag for tag, digest in found if digest == target.digest]
    if not tags:
        raise NotFoundError(
            f"no tag of {target.location}{target.image} has the digest {target.digest}",
            hint=f"`s3lo list --digests --filter {target.image} {target.location}` shows theirs.",
        )
    for tag in tags:
        yield _named(store, tag.image, tag.name, str(target.digest))


def _named(store: Store, image: str, tag: str, digest: str) -> DeletedTag:
    return DeletedTag(image, tag, digest, tuple(tag_keys(store, image, tag)))
