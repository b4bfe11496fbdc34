"""delete: exactly one tag's own keys, whatever lies beside and below it."""

from __future__ import annotations

import pytest

import s3lo
from s3lo.errors import ImmutableTag, InvalidDocument, NotFoundError, UsageError
from s3lo.events import Event, Note
from tests.stores import Shelf


def test_a_tag_goes_and_its_neighbours_and_all_blobs_stay(shelf: Shelf) -> None:
    for image, tag in (
        ("app", "v1"), ("app", "v10"), ("app/v1", "x"), ("app/v1", "signatures"), ("app/v1/x", "y"),
    ):  # fmt: skip
        shelf.tag(image, tag)
    for extra in ("config.json", "index.json", "history.json"):
        shelf.put(f"manifests/app/v1/{extra}", b"{}")
    shelf.put("manifests/app/v1/signatures/0123456789abcdef.json", b"{}")
    before = shelf.keys()
    foreseen = s3lo.delete(f"{shelf.url}app:v1", dry_run=True)
    assert shelf.keys() == before
    done = s3lo.delete(f"{shelf.url}app:v1")
    assert done.tags == foreseen.tags
    [gone] = done.tags
    assert gone.keys[0] == "manifests/app/v1/manifest.json"
    assert set(before) - set(shelf.keys()) == set(gone.keys)
    assert set(gone.keys) == {
        "manifests/app/v1/manifest.json",
        "manifests/app/v1/oci-layout",
        "manifests/app/v1/config.json",
        "manifests/app/v1/index.json",
        "manifests/app/v1/history.json",
        "manifests/app/v1/signatures/0123456789abcdef.json",
    }
    assert [f"{t.image}:{t.tag}" for t in s3lo.list_tags(shelf.url)].count("app/v1:x") == 1


def test_a_nested_tag_goes_without_the_one_above_it(shelf: Shelf) -> None:
    shelf.tag("Upper", "v1")
    shelf.tag("Upper/v1", "x")
    s3lo.delete(f"{shelf.url}Upper/v1:x")
    assert [f"{t.image}:{t.tag}" for t in s3lo.list_tags(shelf.url)] == ["Upper:v1"]


def test_a_tag_that_is_not_there_is_not_found_and_named(shelf: Shelf) -> None:
    shelf.tag("app", "v1")
    with pytest.raises(NotFoundError) as missing:
        s3lo.delete(f"{shelf.url}app:v2")
    assert missing.value.hint == "app has: v1."
    assert missing.value.doing == "deleting"


def test_a_digest_is_all_tags_of_the_image_that_have_it(shelf: Shelf) -> None:
    raw = shelf.manifest([b"layer"])
    digest = shelf.tag("app", "v1", raw)
    for image, tag in (("app", "latest"), ("app/v1", "x"), ("other", "v1")):
        shelf.tag(image, tag, raw)
    shelf.tag("app", "v2")
    with pytest.raises(UsageError):
        s3lo.delete(f"{shelf.url}app@{digest}")
    done = s3lo.delete(f"{shelf.url}app@{digest}", all_tags=True)
    assert [tag.tag for tag in done.tags] == ["latest", "v1"]
    left = sorted(f"{t.image}:{t.tag}" for t in s3lo.list_tags(shelf.url))
    assert left == ["app/v1:x", "app:v2", "other:v1"]
    with pytest.raises(NotFoundError):
        s3lo.delete(f"{shelf.url}app@{digest}", all_tags=True)


def test_an_immutable_tag_goes_only_by_force(shelf: Shelf) -> None:
    shelf.tag("app", "v1")
    shelf.put("s3lo.yaml", b"images: {app: {immutable: true}}")
    for dry_run in (True, False):
        with pytest.raises(ImmutableTag):
            s3lo.delete(f"{shelf.url}app:v1", dry_run=dry_run)
    assert len(list(s3lo.list_tags(shelf.url))) == 1
    seen: list[Event] = []
    s3lo.delete(f"{shelf.url}app:v1", force=True, observer=seen.append)
    assert any(isinstance(event, Note) and "immutable" in event.text for event in seen)
    assert list(s3lo.list_tags(shelf.url)) == []


def test_rules_that_cannot_be_read_protect_everything(shelf: Shelf) -> None:
    shelf.tag("app", "v1")
    shelf.put("s3lo.yaml", b"images: [")
    with pytest.raises(InvalidDocument):
        s3lo.delete(f"{shelf.url}app:v1")
    assert len(list(s3lo.list_tags(shelf.url))) == 1


@pytest.mark.parametrize("content", [b"{not json", b"x" * (5 << 20)], ids=["malformed", "large"])
def test_a_manifest_that_is_none_can_be_deleted(shelf: Shelf, content: bytes) -> None:
    shelf.tag("app", "v1", content)
    assert s3lo.delete(f"{shelf.url}app:v1").tags[0].tag == "v1"
    assert shelf.keys() == []
