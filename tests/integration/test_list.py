"""list: every tag, recognised by its manifest, in order, whatever lies beside it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

import s3lo
from s3lo.bucket.listing import listing
from s3lo.errors import NotFoundError
from s3lo.events import Event, Note
from tests.stores import LINUX_AMD64, LINUX_ARM64, OCI, Shelf


def named(shelf: Shelf, pattern: str = "") -> list[str]:
    return [f"{tag.image}:{tag.tag}" for tag in s3lo.list_tags(shelf.url, pattern=pattern)]


def test_tags_are_recognised_by_their_manifest_and_never_by_depth(shelf: Shelf) -> None:
    for image, tag in (("app", "v1"), ("app/v1", "x"), ("app", "v2"), ("Upper/Case_", "V1")):
        shelf.tag(image, tag)
    shelf.put("manifests/app/v3/oci-layout", b"{}")
    shelf.put("manifests/manifest.json", b"{}")
    shelf.put("manifests/app/v1/signatures/0123456789abcdef.json", b"{}")
    for extra in ("config.json", "index.json", "history.json"):
        shelf.put(f"manifests/app/v2/{extra}", b"{}")
    assert named(shelf) == ["Upper/Case_:V1", "app:v1", "app/v1:x", "app:v2"]


def test_an_empty_store_has_no_tags_and_a_missing_one_is_not_found(shelf: Shelf) -> None:
    assert named(shelf) == []
    with pytest.raises(NotFoundError) as raised:
        list(s3lo.list_tags(f"{shelf.url[:-1]}-missing/"))
    assert raised.value.doing == "listing"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("app", ["app:v1", "app:w1"]),
        ("team/*", ["team/a:v1", "team/b:v1"]),
        ("*", ["app:v1", "app:w1"]),
        ("*/*:v1", ["team/a:v1", "team/b:v1"]),
        ("app:v*", ["app:v1"]),
        (":w1", ["app:w1"]),
        ("te", []),
    ],
)
def test_a_pattern_leaves_others_out(shelf: Shelf, pattern: str, found: list[str]) -> None:
    for image, tag in (("app", "v1"), ("app", "w1"), ("team/a", "v1"), ("team/b", "v1")):
        shelf.tag(image, tag, b"{}")
    assert named(shelf, pattern) == found


def test_digests_are_those_of_the_manifests_with_their_platforms(shelf: Shelf) -> None:
    one = shelf.tag("app", "one")
    many = shelf.tag("app", "many", shelf.index([LINUX_AMD64, LINUX_ARM64]))
    found = list(s3lo.list_tags(shelf.url, digests=True))
    assert [(tag.tag, tag.digest, tag.platforms) for tag in found] == [
        ("many", many, ("linux/amd64", "linux/arm64/v8")),
        ("one", one, ("linux/amd64",)),
    ]
    assert [tag.media_type for tag in found] == [f"{OCI}.index.v1+json", f"{OCI}.manifest.v1+json"]
    assert all(tag.last_modified.endswith("Z") and not tag.problem for tag in found)


def test_what_cannot_be_read_is_listed_and_named(shelf: Shelf) -> None:
    shelf.tag("app", "broken", b"{not json")
    shelf.tag("app", "fine")
    raw = shelf.manifest([b"of no config"], {"os": "plan9", "architecture": "mips"})
    shelf.tag("app", "headless", raw)
    for key in shelf.keys("blobs/"):
        if b"plan9" in shelf.store.get(key):
            shelf.store.delete([key])
    seen: list[Event] = []
    found = list(s3lo.list_tags(shelf.url, digests=True, observer=seen.append))
    assert [(tag.tag, bool(tag.problem)) for tag in found] == [
        ("broken", True),
        ("fine", False),
        ("headless", True),
    ]
    notes = [event.text for event in seen if isinstance(event, Note)]
    assert [note.partition(": ")[0] for note in notes] == ["app:broken", "app:headless"]


DEEP = [f"{top}{n:02}/sub/app" for top in ("a", "b") for n in range(16)] + ["b", "c/b"]
MIXED = [f"{top}{n}/sub-{n}" for top in ("a", "b-", "b.") for n in range(10)] + ["b", "b0"]


@pytest.mark.parametrize("images", [DEEP, MIXED, ["app"]], ids=["deep", "mixed", "one"])
def test_a_long_listing_is_complete_and_in_order(shelf: Shelf, images: list[str]) -> None:
    """More than an answer of S3 holds, at several depths, with names on both sides of a slash."""
    names = [(image, f"t{n}") for image in images for n in range(600 // len(images))]
    with ThreadPoolExecutor(16) as writers:
        list(writers.map(lambda name: shelf.tag(name[0], name[1], b"{}"), names))
    found = [key.key for key in listing(shelf.store, "manifests/")]
    assert len(found) > 1000
    assert found == shelf.keys("manifests/")
    assert len(named(shelf)) == len(names)
    assert len(list(islice(s3lo.list_tags(shelf.url), 3))) == 3


def test_a_level_has_what_lies_directly_below(shelf: Shelf) -> None:
    for key in ("a/x", "a/b/1", "a/b/2", "a/bc/3", "a/w.json", "other"):
        shelf.put(key, b"x")
    level = shelf.store.level("a/")
    assert [found.key for found in level.objects] == ["a/w.json", "a/x"]
    assert sorted(level.folders) == ["a/b/", "a/bc/"]
    assert sorted(shelf.store.level("a/b").folders) == ["a/b/", "a/bc/"]
    assert shelf.store.level("none/").folders == ()
    assert [found.key for found in shelf.store.list("a/", after="a/b/1")] == [
        "a/b/2",
        "a/bc/3",
        "a/w.json",
        "a/x",
    ]
