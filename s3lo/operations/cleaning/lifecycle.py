"""Lifecycle: which tags go, and by which rule. Pure: tags, rules and a moment in, verdicts out.

STORAGE, "s3lo.yaml": a tag goes when it breaks ``keep_last`` or ``max_age`` and ``keep_tags`` does not
name it. A tag that belongs to a manifest (``sha256-<hex>``: OCI distribution specification, "Referrers
Tag Schema"; ``sha256-<hex>.sig``: cosign) is neither counted nor judged by these: it goes when no tag
of its image is or has that manifest any more. Nothing goes that is younger than the grace period.
"""

from __future__ import annotations

import datetime
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from s3lo.bucket.catalog import Tag
from s3lo.bucket.rule_settings import settings_of
from s3lo.bucket.rules import Rulebook
from s3lo.model.attachment import subject_of
from s3lo.model.digest import Digest

_NUMBER = re.compile(r"(\d+)")


class Grace(Struct, frozen=True):
    """What is too young to go: last modified within so many seconds before a moment.

    0 spares nothing: the service tells the moment in whole seconds, and what was written a moment ago
    would be younger than that.
    """

    moment: datetime.datetime
    seconds: float

    def spares(self, written: datetime.datetime | None) -> bool:
        if written is None:
            return True
        return self.seconds > 0 and (self.moment - written).total_seconds() < self.seconds


class Verdict(Struct, frozen=True):
    """A tag that goes."""

    tag: Tag
    rule: Literal["keep_last", "max_age", "referrer"]
    limit: str
    """Of the rule: a count, a duration, or the digest that the tag belonged to."""
    source: str
    """The section of the rules that says so: ``default`` or ``images.<pattern>``."""


def expired(tags: Iterable[Tag], book: Rulebook, grace: Grace) -> list[Verdict]:
    """The tags that the rules let go of, image by image, the newest first."""
    by_image: defaultdict[str, list[Tag]] = defaultdict(list)
    for tag in tags:
        if subject_of(tag.name) is None:
            by_image[tag.image].append(tag)
    return [
        verdict
        for image, found in sorted(by_image.items())
        for verdict in _expired_of_image(image, found, book, grace)
    ]


def orphaned(
    remaining: Iterable[Tag],
    digests: Mapping[str, Collection[Digest]],
    book: Rulebook,
    grace: Grace,
) -> list[Verdict]:
    """Of the tags that remain, those whose manifest is gone.

    ``digests``: by their keys, of every tag of an image that has such tags, its own and those of the
    manifests in its index. One that stays may have others that belong to it.
    """
    by_image: defaultdict[str, list[Tag]] = defaultdict(list)
    for tag in remaining:
        if tag.key in digests:
            by_image[tag.image].append(tag)
    verdicts = []
    for image, tags in sorted(by_image.items()):
        kept = book.effective(image).lifecycle.keep_tags or ()
        live: set[Digest] = set()
        undecided = tags
        while staying := [tag for tag in undecided if _stays(tag, live, kept, grace)]:
            live.update(digest for tag in staying for digest in digests[tag.key])
            stayed = {tag.key for tag in staying}
            undecided = [tag for tag in undecided if tag.key not in stayed]
        verdicts += [_orphan(tag) for tag in undecided]
    return verdicts


def _expired_of_image(
    image: str, tags: Sequence[Tag], book: Rulebook, grace: Grace
) -> Iterable[Verdict]:
    lifecycle = book.effective(image).lifecycle
    if lifecycle.keep_last is None and lifecycle.max_age_seconds is None:
        return
    settings = settings_of(book, image)
    for rank, tag in enumerate(sorted(tags, key=_recency, reverse=True)):
        if tag.name in (lifecycle.keep_tags or ()) or grace.spares(tag.last_modified):
            continue
        if lifecycle.keep_last is not None and rank >= lifecycle.keep_last:
            setting = settings["lifecycle.keep_last"]
            yield Verdict(tag, "keep_last", str(setting.value), setting.source)
        elif _is_older(tag, grace.moment, lifecycle.max_age_seconds):
            setting = settings["lifecycle.max_age"]
            yield Verdict(tag, "max_age", str(setting.value), setting.source)


def _recency(tag: Tag) -> tuple[float, list[str]]:
    """Of tags written in one second, v10 is newer than v9."""
    written = tag.last_modified.timestamp() if tag.last_modified else float("inf")
    return written, [part.zfill(20) for part in _NUMBER.split(tag.name)]


def _is_older(tag: Tag, moment: datetime.datetime, seconds: float | None) -> bool:
    if seconds is None or tag.last_modified is None:
        return False
    return (moment - tag.last_modified).total_seconds() > seconds


def _stays(tag: Tag, live: Collection[Digest], kept: Collection[str], grace: Grace) -> bool:
    subject = subject_of(tag.name)
    is_held = subject is None or subject in live
    return is_held or tag.name in kept or grace.spares(tag.last_modified)


def _orphan(tag: Tag) -> Verdict:
    return Verdict(tag, "referrer", str(subject_of(tag.name)), "")
