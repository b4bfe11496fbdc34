"""clean: tags that the rules let go of, content that nobody needs, uploads that nobody finishes.

    survey: read everything ──► anything unreadable: nothing is deleted
       └──► tags ──► recipes, chunks, blobs ──► unfinished uploads

Tags go first, so that wherever this ends every tag that can be seen is whole. Why it is safe beside
pushes and other cleans is told in ``s3lo.bucket.cleaning``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from s3lo import errors
from s3lo.abreast import abreast
from s3lo.bucket import keys
from s3lo.bucket.cleaning import Cleaning, Sleep
from s3lo.bucket.local import is_store
from s3lo.bucket.options import ConnectionOptions
from s3lo.bucket.rules import MAX_RULES_BYTES, Rulebook, load_rules, parse_rules
from s3lo.bucket.store import Store
from s3lo.engine.options import EngineOptions
from s3lo.errors import IntegrityError, S3loError, UsageError, from_os
from s3lo.events import Note, Observer, ignore
from s3lo.model.objects import ObjectInfo, Unfinished
from s3lo.model.reference import parse_location
from s3lo.model.s3_errors import Unsupported
from s3lo.operations.cleaning.lifecycle import Grace, Verdict, expired, orphaned
from s3lo.operations.cleaning.survey import Survey
from s3lo.operations.cleaning.sweep import Sweep
from s3lo.operations.depot import opened
from s3lo.operations.results import CleanResult, PrunedTag

GRACE_SECONDS = 3600.0
_ABORTS_AT_A_TIME = 16
_NO_CONNECTION = ConnectionOptions()


class Task(Struct, frozen=True):
    """What was asked for, of a store that is open. ``book`` is None where the store's own rules hold."""

    store: Store
    grace: Grace
    is_confirmed: bool
    tags: bool
    blobs: bool
    book: Rulebook | None
    observer: Observer
    sleep: Sleep = time.sleep


class _Done(Struct):
    """What was deleted, or would be."""

    tags: Sequence[Verdict] = ()
    blobs: int = 0
    chunks: int = 0
    bytes_: int = 0
    errors: tuple[str, ...] = ()
    is_blocked: bool = False
    """Something could not be read: nothing was deleted, and nothing is to be."""

    def add(self, found: ObjectInfo) -> None:
        self.bytes_ += found.size
        if found.key.startswith(keys.BLOBS):
            self.blobs += 1
        else:
            self.chunks += 1


def clean(
    bucket: str,
    *,
    confirm: bool = False,
    tags: bool = False,
    blobs: bool = False,
    uploads: bool = False,
    grace_seconds: float = GRACE_SECONDS,
    rules: Path | None = None,
    connection: ConnectionOptions = _NO_CONNECTION,
    observer: Observer = ignore,
) -> CleanResult:
    """Tell what of a store can go, and with ``confirm`` delete it.

    ``tags``, ``blobs`` and ``uploads`` choose what is looked at; none of them means all. Nothing
    younger than ``grace_seconds`` goes, by the store's clock. ``rules`` is a file that is taken for the
    store's own rules. Where anything cannot be read that has to be, it is among the ``errors`` of the
    result, and nothing is deleted. Raises the errors of ``s3lo.errors``.
    """
    with errors.context("cleaning", bucket):
        if grace_seconds < 0:
            raise UsageError("a grace period cannot be negative")
        book = _read_rules(rules) if rules else None
        location = parse_location(bucket, is_store)
        with opened(location, connection, EngineOptions()) as depot:
            grace = Grace(depot.store.now(), grace_seconds)
            is_all = not (tags or blobs or uploads)
            task = Task(
                depot.store, grace, confirm, tags or is_all, blobs or is_all, book, observer
            )
            result = clean_store(task, uploads or is_all)
    for line in result.errors:
        observer(Note(line))
    return result


def clean_store(task: Task, uploads: bool) -> CleanResult:
    """Clean a store that is open; ``uploads`` as well, if so."""
    abandoned = list(_abandoned(task)) if uploads else []
    done = _Done()
    if task.tags or task.blobs:
        with _at_work(task) as cleaning:
            done = _content(task, cleaning)
    if done.is_blocked:
        abandoned = []
    failed = _abort(task.store, abandoned) if task.is_confirmed else []
    return CleanResult(
        tags_pruned=len(done.tags),
        blobs_deleted=done.blobs,
        chunks_deleted=done.chunks,
        uploads_aborted=len(abandoned) - len(failed),
        bytes_freed=done.bytes_,
        dry_run=not task.is_confirmed,
        tags=tuple(map(_pruned, done.tags)),
        errors=(*done.errors, *failed),
    )


def _content(task: Task, cleaning: Cleaning | None) -> _Done:
    """Tags, and then what none needs any more."""
    book = (task.book or load_rules(task.store)) if task.tags else Rulebook()
    survey = Survey(task.store, task.grace)
    if survey.unreadable:
        return _Done(errors=tuple(survey.unreadable), is_blocked=True)
    sweep = Sweep(task.store, survey, cleaning) if cleaning else None
    condemned = _condemned(survey, book, task.grace) if task.tags else []
    done = _Done(tags=sweep.tags(condemned) if sweep else condemned)
    if sweep and task.tags:
        sweep.leftovers(list(survey.own_keys.leftovers(task.grace.spares)))
    if task.blobs:
        gone = {verdict.tag.key for verdict in done.tags}
        needed = survey.needed(tag for tag in survey.tags if tag.key not in gone)
        garbage: Iterable[ObjectInfo] = survey.garbage(needed)
        for found in sweep.content(list(garbage)) if sweep else garbage:
            done.add(found)
    done.errors = tuple(sweep.errors) if sweep else ()
    return done


def _condemned(survey: Survey, book: Rulebook, grace: Grace) -> list[Verdict]:
    by_rules = expired(survey.tags, book, grace)
    gone = {verdict.tag.key for verdict in by_rules}
    remaining = [tag for tag in survey.tags if tag.key not in gone]
    return [*by_rules, *orphaned(remaining, survey.digests(), book, grace)]


@contextmanager
def _at_work(task: Task) -> Iterator[Cleaning | None]:
    if not task.is_confirmed:
        yield None
        return
    with Cleaning(task.store, task.observer, task.sleep) as cleaning:
        yield cleaning


def _abandoned(task: Task) -> Iterator[Unfinished]:
    """What was begun longer ago than the grace period: a push goes on with what a killed one left."""
    is_local = task.store.location.scheme == "local"
    try:
        for each in task.store.unfinished():
            is_ours = is_local or each.key.startswith((keys.BLOBS, *keys.CHUNK_PREFIXES))
            if is_ours and not task.grace.spares(each.started):
                yield each
    except Unsupported:
        task.observer(Note("the service does not list unfinished uploads: none are aborted"))


def _abort(store: Store, abandoned: Sequence[Unfinished]) -> list[str]:
    """A line for each that could not be."""

    def abort(each: Unfinished) -> str:
        try:
            store.give_up(each)
        except S3loError as error:
            return f"upload of {each.key}: {error.message}"
        return ""

    return [line for line in abreast(abort, abandoned, _ABORTS_AT_A_TIME) if line]


def _read_rules(path: Path) -> Rulebook:
    with errors.context("reading the rules of", str(path)):
        try:
            with open(path, "rb") as file:
                raw = file.read(MAX_RULES_BYTES + 1)
        except OSError as error:
            raise from_os(error, "reading") from error
        if len(raw) > MAX_RULES_BYTES:
            raise IntegrityError(f"{path} is larger than {MAX_RULES_BYTES} bytes")
        return parse_rules(raw)


def _pruned(verdict: Verdict) -> PrunedTag:
    tag = verdict.tag
    return PrunedTag(tag.image, tag.name, verdict.rule, verdict.limit, verdict.source)
