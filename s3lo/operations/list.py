"""list: the tags of a store, as they are found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from s3lo import errors
from s3lo.abreast import abreast
from s3lo.bucket.catalog import Tag, catalog
from s3lo.bucket.local import is_store
from s3lo.bucket.options import ConnectionOptions
from s3lo.bucket.store import Store
from s3lo.engine.options import EngineOptions
from s3lo.events import Note, Observer, ignore
from s3lo.model import media_types
from s3lo.model.digest import Digest
from s3lo.model.documents import MAX_DOCUMENT_BYTES, Index, Manifest, parse_config, parse_document
from s3lo.model.reference import parse_location
from s3lo.operations.depot import opened
from s3lo.operations.resolve import READ_AT_A_TIME, UNREADABLE, read_document
from s3lo.operations.results import ListedTag, written

_NO_CONNECTION = ConnectionOptions()


def list_tags(
    bucket: str,
    *,
    pattern: str = "",
    digests: bool = False,
    connection: ConnectionOptions = _NO_CONNECTION,
    observer: Observer = ignore,
) -> Iterator[ListedTag]:
    """The tags of a store, in the order that it lists their keys in, each as soon as it is known.

    ``pattern`` leaves others out: ``team/*`` is matched with image names, ``*:v1`` with the tag as
    well; ``*`` does not cross a slash. With ``digests`` each manifest is read, many at a time; one
    that cannot be has a ``problem``, and the observer is told. Raises the errors of
    ``s3lo.errors``.
    """
    with errors.context("listing", bucket):
        location = parse_location(bucket, is_store)
        with opened(location, connection, EngineOptions()) as depot:
            tags = catalog(depot.store, pattern)
            if not digests:
                yield from map(_unread, tags)
                return
            reader = _Reader(depot.store)
            for listed in abreast(reader.listed, tags, READ_AT_A_TIME):
                if listed is None:
                    continue
                if listed.problem:
                    observer(Note(f"{listed.image}:{listed.tag}: {listed.problem}"))
                yield listed


class _Reader:
    """Reads manifests. For any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._platforms: dict[Digest, str] = {}
        """By config: many tags share one."""

    def listed(self, tag: Tag) -> ListedTag | None:
        """A tag with what its manifest tells; None where it was deleted since it was listed."""
        digest = media_type = problem = ""
        platforms: tuple[str, ...] = ()
        try:
            raw = self._store.get(tag.key, limit_bytes=MAX_DOCUMENT_BYTES)
            digest = str(Digest.of(raw))
            document = parse_document(raw)
            media_type = document.media_type
            platforms = self._platforms_of(document)
        except errors.NotFoundError:
            if not digest:
                return None
            problem = "its config is not there"
        except UNREADABLE as error:
            problem = error.message
        when = written(tag.last_modified)
        return ListedTag(tag.image, tag.name, digest, media_type, platforms, when, problem)

    def _platforms_of(self, document: Manifest | Index) -> tuple[str, ...]:
        """An index names them; a manifest leaves it to its config."""
        if isinstance(document, Index):
            return tuple(map(str, document.platforms))
        if document.config.media_type not in media_types.CONFIGS:
            return ()
        digest = document.config.digest
        with suppress(KeyError):
            return (self._platforms[digest],)
        found = str(parse_config(read_document(self._store, document.config)).platform)
        self._platforms[digest] = found
        return (found,)


def _unread(tag: Tag) -> ListedTag:
    return ListedTag(tag.image, tag.name, "", "", (), written(tag.last_modified))
