"""Completeness: whether all that tags need is there, and which tags concerns what is wrong with a blob."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from msgspec import Struct

from s3lo.abreast import abreast
from s3lo.bucket.catalog import Tag
from s3lo.bucket.keys import blob_key, recipe_key
from s3lo.bucket.store import Store
from s3lo.errors import Interrupted, S3loError
from s3lo.model.reference import Location
from s3lo.operations.census import Census
from s3lo.operations.examining.diagnosis import Check, Finding, Status, unknown
from s3lo.operations.examining.examination import Examination
from s3lo.operations.examining.inventory import ABSENT
from s3lo.quantities import count, size

_LOOKS_AT_A_TIME = 16
_NAMED = 8


class Users(Struct):
    """The tags that need a blob."""

    count: int = 0
    first: list[str] = []

    def add(self, tag: Tag) -> None:
        self.count += 1
        if self.count <= _NAMED:
            self.first = [*self.first, str(tag)]


def users_of(census: Census, numbers: Collection[int]) -> Mapping[int, Users]:
    """The tags that need each of these blobs."""
    wanted = set(numbers)
    found: defaultdict[int, Users] = defaultdict(Users)
    for tag, named in census.tags if wanted else ():
        for number in census.closure(named) & wanted:
            found[number].add(tag)
    return found


def blob_finding(location: Location, digest: str, problem: str, users: Users) -> Finding:
    """What is wrong with a blob that tags need, or that none needs any more."""
    mend = f"s3lo clean {location} --blobs --confirm"
    if users.first:
        mend = f"s3lo push --force SOURCE {location}{users.first[0]}"
    return Finding(digest, problem, mend, tuple(users.first), users.count)


def check_tags(seen: Examination) -> Check:
    """Whether every manifest can be read and understood."""
    census = seen.census
    if isinstance(census, S3loError):
        return unknown("tags", census)
    findings = []
    numbers = []
    for what, problem in census.faults:
        if isinstance(what, Tag):
            address = f"{seen.location}{what}"
            mend = f"s3lo push --force SOURCE {address}, or s3lo delete {address}"
            findings.append(Finding(str(what), problem, mend, (str(what),), 1))
        elif (number := census.number_of(what)) is not None and _is_sound(seen, number):
            numbers.append((number, problem))
    users = users_of(census, [number for number, _ in numbers])
    for number, problem in numbers:
        digest = str(census.digests[number])
        findings.append(blob_finding(seen.location, digest, problem, users[number]))
    status: Status = "failed" if findings else "advice" if census.opaque else "ok"
    findings += [Finding("an index", line) for line in census.opaque]
    images = len({tag.image for tag, _ in census.tags})
    detail = f"{count(len(census.tags), 'tag')} of {count(images, 'image')}"
    if census.faults:
        detail += f", {count(len(census.faults), 'manifest')} unreadable"
    figures = {
        "tags": len(census.tags),
        "images": images,
        "unreadable": len(census.faults),
    }
    return Check("tags", status, detail, tuple(findings), figures)


def check_closure(seen: Examination, store: Store) -> Check:
    """Whether every blob that tags need is there with its size (STORAGE rules 2 and 6)."""
    census = seen.census
    if isinstance(census, S3loError):
        return unknown("closure", census)
    if seen.blobs_error:
        return unknown("closure", seen.blobs_error)
    problems = _confirmed(census, store, _suspects(seen, census))
    users = users_of(census, problems)
    findings = [
        blob_finding(seen.location, str(census.digests[number]), problem, users[number])
        for number, problem in sorted(problems.items())
    ]
    chunked = sum(seen.inventory.sizes[number] == ABSENT for number in seen.inventory.chunked)
    detail = f"{count(len(census.digests), 'blob')} ({size(sum(census.sizes))}) needed"
    detail += f", {len(findings)} missing or damaged" if findings else ", all there"
    if chunked:
        detail += f", {chunked} of them in chunks"
    figures = {"blobs": len(census.digests), "damaged": len(findings), "in_chunks": chunked}
    return Check("closure", "failed" if findings else "ok", detail, tuple(findings), figures)


def _is_sound(seen: Examination, number: int) -> bool:
    """Whether the closure has nothing to say of a blob."""
    assert not isinstance(seen.census, S3loError)
    is_listed = seen.inventory.sizes[number] == seen.census.sizes[number]
    return is_listed or seen.blobs_error is not None


def _suspects(seen: Examination, census: Census) -> dict[int, str]:
    """What the listing says against blobs."""
    problems = {}
    found = zip(census.sizes, seen.inventory.sizes, strict=True)
    for number, (expected, stored) in enumerate(found):
        if stored == ABSENT and number not in seen.inventory.chunked:
            problems[number] = "is not in the store"
        elif stored not in (ABSENT, expected):
            problems[number] = f"is {stored} bytes where {expected} are expected"
    for number in census.disputed:
        problems.setdefault(number, "is named with several sizes by different manifests")
    return problems


def _confirmed(census: Census, store: Store, suspects: Mapping[int, str]) -> dict[int, str]:
    """Without what has come since it was listed, or is gone together with the tags that needed it."""
    numbers = sorted(_still_needed(census, store, suspects))

    def look(number: int) -> str:
        digest, size_bytes = census.digests[number], census.sizes[number]
        try:
            found = store.head(blob_key(digest))
            if found is None:
                return "" if store.head(recipe_key(digest)) else suspects[number]
        except Interrupted:
            raise
        except S3loError as error:
            return f"{suspects[number]}, and could not be looked at: {error.message}"
        is_well = found.size == size_bytes and number not in census.disputed
        return "" if is_well else suspects[number]

    looked = zip(numbers, abreast(look, numbers, _LOOKS_AT_A_TIME), strict=True)
    return {number: problem for number, problem in looked if problem}


def _still_needed(census: Census, store: Store, suspects: Collection[int]) -> set[int]:
    """By tags that are there now."""
    wanted = set(suspects)
    needs = ((tag, census.closure(named) & wanted) for tag, named in census.tags if wanted)
    concerned = [(tag, hit) for tag, hit in needs if hit]

    def hit_of(each: tuple[Tag, set[int]]) -> set[int]:
        tag, hit = each
        try:
            return hit if store.head(tag.key) else set()
        except Interrupted:
            raise
        except S3loError:
            return hit

    return set().union(*abreast(hit_of, concerned, _LOOKS_AT_A_TIME))
