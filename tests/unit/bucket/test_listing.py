"""A listing by many requests: nothing twice, nothing left out, in S3's order of keys."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import cast

import pytest

from s3lo.bucket.keys import BLOBS
from s3lo.bucket.listing import PAGE, listing
from s3lo.bucket.store import Store
from s3lo.model.objects import Level, ObjectInfo
from s3lo.model.reference import Location


class Listed:
    """Keys as S3 lists them; counts the answers that it takes."""

    location = Location("s3", "bucket")

    def __init__(self, keys: list[str]) -> None:
        self.keys = sorted(keys)
        self.answers = 0

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        self.answers += 1
        found = (key for key in self.keys if key.startswith(prefix) and key > after)
        for number, key in enumerate(found):
            self.answers += number > 0 and number % PAGE == 0
            yield ObjectInfo(key, 1)

    def level(self, prefix: str) -> Level:
        self.answers += 1
        tails = [key[len(prefix) :] for key in self.keys if key.startswith(prefix)]
        folders = {prefix + tail.partition("/")[0] + "/" for tail in tails if "/" in tail}
        objects = (ObjectInfo(prefix + tail, 1) for tail in tails if "/" not in tail)
        return Level(tuple(objects), tuple(sorted(folders)))


def shapes() -> list[list[str]]:
    source = random.Random(7)

    def name() -> str:
        return "".join(source.choice("ab-.09") for _ in range(4))

    return [
        [f"manifests/app{n // 4}/v{n % 4}/manifest.json" for n in range(4000)],
        [f"manifests/one/v{n}/manifest.json" for n in range(4000)],
        [f"manifests/org/team/{name()}/{name()}/x" for n in range(4000)],
        [f"manifests/{name()}/{name()}" + "/x" * source.randrange(3) for n in range(4000)],
        [f"manifests/{n}" for n in range(3000)],
        [*(f"manifests/a{n}/" for n in range(1500)), *(f"manifests/a{n}/x" for n in range(1500))],
    ]


@pytest.mark.parametrize("keys", shapes(), ids=["images", "one", "deep", "mixed", "flat", "marks"])
def test_everything_is_listed_once_and_in_order(keys: list[str]) -> None:
    listed = Listed(list(set(keys)))
    found = [each.key for each in listing(cast(Store, listed), "manifests/")]
    assert found == listed.keys


def test_blobs_are_divided_by_their_digits() -> None:
    source = random.Random(7)
    keys = [f"{BLOBS}{source.randbytes(32).hex()}" for _ in range(20_000)]
    listed = Listed([*keys, "chunks/sha256/x"])
    assert [each.key for each in listing(cast(Store, listed), BLOBS)] == sorted(keys)
    assert listed.answers <= 1.3 * 20


def test_few_blobs_are_not_divided_at_all() -> None:
    source = random.Random(7)
    listed = Listed([f"{BLOBS}{source.randbytes(32).hex()}" for _ in range(1100)])
    assert len(list(listing(cast(Store, listed), BLOBS))) == 1100
    assert listed.answers == 2


@pytest.mark.parametrize("name", ["+0", "0x00000012", "00000000", "0_0", "zz", "١٢"])
def test_names_that_are_no_hashes_are_among_the_blobs_that_are_listed(name: str) -> None:
    """Some of them look like numbers, and are not where that number would be."""
    source = random.Random(7)
    keys = [f"{BLOBS}{name}{n:04}" for n in range(1500)]
    listed = Listed([*keys, *(f"{BLOBS}{source.randbytes(32).hex()}" for _ in range(3000))])
    assert [each.key for each in listing(cast(Store, listed), BLOBS)] == listed.keys


@pytest.mark.parametrize("tags", [1, 10, 490, 1200], ids=lambda tags: f"{tags} each")
def test_a_long_listing_takes_few_answers_more_than_its_pages(tags: int) -> None:
    images = 20_000 // tags if tags < 100 else 40
    keys = [
        f"manifests/app{image:05}/v{tag:04}/{name}"
        for image in range(images)
        for tag in range(tags)
        for name in ("manifest.json", "oci-layout")
    ]
    listed = Listed(keys)
    assert len(list(listing(cast(Store, listed), "manifests/"))) == len(keys)
    assert listed.answers <= 1.3 * len(keys) / PAGE + images / PAGE + 2


def test_a_short_listing_takes_one_answer() -> None:
    listed = Listed([f"manifests/app{n}/v1/manifest.json" for n in range(999)])
    assert len(list(listing(cast(Store, listed), "manifests/"))) == 999
    assert listed.answers == 1
