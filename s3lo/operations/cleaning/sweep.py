"""Sweep: deletes what was condemned, under a mark that pushes look at (``s3lo.bucket.cleaning``).

What cannot be deleted is noted, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeVar

from s3lo.abreast import abreast
from s3lo.bucket import keys
from s3lo.bucket.catalog import Tag
from s3lo.bucket.cleaning import MOST_NAMED, Cleaning
from s3lo.bucket.store import Store
from s3lo.model.objects import ObjectInfo, Undeleted
from s3lo.operations.cleaning.lifecycle import Verdict
from s3lo.operations.cleaning.survey import Survey

_BATCH = 1000
"""Keys that S3 deletes at one request."""
_BATCHES_AT_A_TIME = 4
_LOOKS_AT_A_TIME = 64

Item = TypeVar("Item")


class Sweep:
    """``errors``: a line for each key that could not be deleted, and why."""

    def __init__(self, store: Store, survey: Survey, cleaning: Cleaning) -> None:
        self.errors: list[str] = []
        self._store = store
        self._survey = survey
        self._cleaning = cleaning

    def tags(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """Delete tags that are still those that were condemned: all their manifests first, for with
        these they are gone. Gives those that went."""
        gone: list[Verdict] = []
        for batch in _batches(verdicts, MOST_NAMED):
            self._cleaning.announce(verdict.tag.key for verdict in batch)
            found = abreast(self._store.head, (v.tag.key for v in batch), _LOOKS_AT_A_TIME)
            doomed = [v for v, now in zip(batch, found, strict=True) if _is_same(v.tag, now)]
            failed = self._remove([verdict.tag.key for verdict in doomed])
            done = [verdict for verdict in doomed if verdict.tag.key not in failed]
            own = (self._survey.own_keys.of(each.tag.image, each.tag.name) for each in done)
            self._remove([key for own_keys in own for key in own_keys[1:]])
            gone += done
        return gone

    def leftovers(self, found: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Delete what tags left that are gone, where they have not come back."""
        for batch in _batches(found, MOST_NAMED):
            self._cleaning.announce(manifest for manifest, _ in batch)
            looked = abreast(self._store.head, (m for m, _ in batch), _LOOKS_AT_A_TIME)
            gone = [own for (_, own), now in zip(batch, looked, strict=True) if now is None]
            self._remove([key for own in gone for key in own])

    def content(self, condemned: Sequence[ObjectInfo]) -> Iterator[ObjectInfo]:
        """Delete blobs and chunks, but for those that a tag needs that has appeared meanwhile. Gives
        those that went."""
        for batch in _batches(condemned, MOST_NAMED):
            self._cleaning.announce(found.key for found in batch)
            needed = self._survey.needed(self._survey.look_again())
            if self._survey.unreadable:
                self.errors += self._survey.unreadable
                return
            doomed = [found for found in batch if not needed.has(found.key)]
            failed = self._remove([found.key for found in doomed])
            yield from (found for found in doomed if found.key not in failed)

    def _remove(self, doomed: Sequence[str]) -> set[str]:
        """Delete, and give those that could not be. Recipes go before anything else."""

        def remove(batch: Sequence[str]) -> Sequence[Undeleted]:
            self._cleaning.require()
            return self._store.remove(batch)

        recipes = [key for key in doomed if key.startswith(keys.RECIPES)]
        others = [key for key in doomed if not key.startswith(keys.RECIPES)]
        failed: set[str] = set()
        for part in (recipes, others):
            for undeleted in abreast(remove, _batches(part, _BATCH), _BATCHES_AT_A_TIME):
                self.errors += [f"{each.key}: {each.code}: {each.message}" for each in undeleted]
                failed.update(each.key for each in undeleted)
        return failed


def _is_same(tag: Tag, now: ObjectInfo | None) -> bool:
    """Whether a tag is the one that was listed. A listing may tell fractions of the second."""
    if now is None or now.last_modified is None or tag.last_modified is None:
        return False
    is_as_old = abs((now.last_modified - tag.last_modified).total_seconds()) < 1
    return is_as_old and now.etag == tag.etag and now.size == tag.size


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
