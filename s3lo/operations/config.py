"""config: what the rules of a store say, and changes to them that lose nobody else's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress

from s3lo import errors
from s3lo.backoff import delay_seconds
from s3lo.bucket.keys import RULES_KEY, storage_class
from s3lo.bucket.local import is_store
from s3lo.bucket.options import ConnectionOptions
from s3lo.bucket.rule_settings import DEFAULT, Setting, parse_settings, settings_of
from s3lo.bucket.rules import MAX_RULES_BYTES, Rulebook, parse_rules
from s3lo.bucket.rules_text import Path, Value, changed
from s3lo.bucket.store import Store
from s3lo.engine.options import EngineOptions
from s3lo.errors import InvalidDocument, NotFoundError, RefusedError, ServiceError, UsageError
from s3lo.events import Note, Observer, ignore
from s3lo.model.objects import Content
from s3lo.model.reference import RulesTarget, parse_rules_target
from s3lo.model.s3_errors import Unsupported
from s3lo.operations.depot import opened
from s3lo.operations.results import Result

_ATTEMPTS = 64
"""Of writers that change one file at one moment, one gets through each time."""
_NO_CONNECTION = ConnectionOptions()


class ConfigResult(Result, frozen=True):
    """The rules that hold for what ``reference`` names, and which section says each."""

    reference: str
    settings: dict[str, Setting]
    sections: tuple[str, ...]
    """All that the file may have: ``default``, and one for each image or pattern with rules."""


def get_config(reference: str, *, connection: ConnectionOptions = _NO_CONNECTION) -> ConfigResult:
    """The rules that hold for a store (its defaults), or for an image or a pattern in it, and where
    each comes from. Raises InvalidDocument where the file is malformed."""
    with errors.context("reading the rules of", reference):
        target = parse_rules_target(reference, is_store)
        with opened(target.location, connection, EngineOptions()) as depot:
            found = _read(depot.store)
            return _result(target, parse_rules(found.body if found else b""))


def set_config(
    reference: str,
    settings: Mapping[str, str],
    *,
    connection: ConnectionOptions = _NO_CONNECTION,
    observer: Observer = ignore,
) -> ConfigResult:
    """Change rules of a store, of an image or of a pattern; gives those that hold then.

    ``settings`` are texts as on the command line: ``{"lifecycle.max_age": "90d"}``; an empty one
    takes the setting away. Whatever else the file has stays, and so do changes that others make at
    the same moment. Raises UsageError for a setting that there is not or a malformed value.
    """
    with errors.context("changing the rules of", reference):
        target = parse_rules_target(reference, is_store)
        if target.tag:
            raise UsageError(
                "rules are for all tags of an image", hint=f"Leave the tag out: {target}"
            )
        wanted = parse_settings(settings)
        with opened(target.location, connection, EngineOptions()) as depot:
            return _result(target, _change(depot.store, target.pattern, wanted, observer))


def _change(
    store: Store, pattern: str, settings: Mapping[Path, Value | None], observer: Observer
) -> Rulebook:
    section = ("images", pattern) if pattern else (DEFAULT,)
    for failures in range(1, _ATTEMPTS + 1):
        before = _read(store)
        text = _text(before.body if before else b"")
        after = changed(text, section, settings)
        book = parse_rules(after.encode())
        if after == text:
            return book
        with suppress(RefusedError):
            _write(store, after.encode(), before, observer)
            return book
        time.sleep(min(1.0, delay_seconds(failures)))  # others changed it: on top of theirs
    raise ServiceError(f"{RULES_KEY} is changed by others all the time")


def _read(store: Store) -> Content | None:
    """The file, None where there is none yet; NotFoundError where there is not even a store."""
    try:
        return store.read(RULES_KEY, limit_bytes=MAX_RULES_BYTES)
    except NotFoundError:
        any(store.list(RULES_KEY))
        return None


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidDocument(f"{RULES_KEY} is not UTF-8") from error


def _write(store: Store, body: bytes, before: Content | None, observer: Observer) -> None:
    """Write where the file still is what was read, or still is not there; else RefusedError."""
    kept, kind = storage_class(RULES_KEY), "application/yaml"
    etag = before.etag if before else ""
    try:
        store.put(
            RULES_KEY,
            body,
            if_absent=before is None,
            if_match=etag,
            storage_class=kept,
            content_type=kind,
        )
    except Unsupported:
        observer(Note("the service writes without conditions only: a change made now may be lost"))
        store.put(RULES_KEY, body, storage_class=kept, content_type=kind)


def _result(target: RulesTarget, book: Rulebook) -> ConfigResult:
    return ConfigResult(
        reference=str(target),
        settings=settings_of(book, target.pattern),
        sections=(DEFAULT, *(f"images.{name}" for name in book.images)),
    )
