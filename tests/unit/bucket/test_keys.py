"""Keys: names to keys and back, and nothing that leads out of its place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.bucket import keys
from s3lo.model.digest import Digest
from s3lo.model.reference import parse_image_reference

components = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,6}", fullmatch=True)
images = st.lists(components, min_size=1, max_size=4).map("/".join)
image_tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,10}", fullmatch=True)


@given(images, image_tags)
def test_a_manifest_key_says_whose_it_is(image: str, tag: str) -> None:
    key = keys.manifest_key(image, tag)
    assert keys.parse_manifest_key(key) == (image, tag)
    assert key.startswith(keys.image_prefix(image))
    assert keys.layout_key(image, tag).rpartition("/")[0] == key.rpartition("/")[0]


@given(images, image_tags, images, image_tags)
def test_two_tags_never_share_a_key(image: str, tag: str, other: str, other_tag: str) -> None:
    same = keys.manifest_key(image, tag) == keys.manifest_key(other, other_tag)
    assert same is ((image, tag) == (other, other_tag))


@given(st.text(st.sampled_from("ab/.\\\0 :"), max_size=12))
def test_what_is_parsed_from_a_key_is_a_name(middle: str) -> None:
    named = keys.parse_manifest_key(f"manifests/{middle}/manifest.json")
    if named is not None:
        reference = parse_image_reference(f"s3://bucket/{named[0]}:{named[1]}")
        assert (reference.image, reference.tag) == named


def test_nested_images_lie_side_by_side() -> None:
    assert keys.parse_manifest_key("manifests/app/v1/manifest.json") == ("app", "v1")
    assert keys.parse_manifest_key("manifests/app/v1/x/manifest.json") == ("app/v1", "x")


@pytest.mark.parametrize(
    "key",
    [
        "manifests/manifest.json",
        "manifests/app/manifest.json",
        "manifests//v1/manifest.json",
        "manifests/app/../manifest.json",
        "manifests/app/v1/oci-layout",
        "manifests/app/v1/signatures/0123456789abcdef.json",
        "blobs/app/v1/manifest.json",
        "manifests/app/v1/manifest.json/",
        "manifests/app/v1/manifest.json\n",
    ],
)
def test_other_keys_are_no_tags(key: str) -> None:
    assert keys.parse_manifest_key(key) is None


def test_keys_are_those_of_the_format() -> None:
    digest = Digest.of(b"")
    assert keys.blob_key(digest) == f"blobs/sha256/{digest.hex}"
    assert keys.recipe_key(digest) == f"recipes/sha256/{digest.hex}"
    assert keys.manifest_key("org/app", "v1") == "manifests/org/app/v1/manifest.json"
    assert keys.layout_key("org/app", "v1") == "manifests/org/app/v1/oci-layout"
    assert keys.RULES_KEY == "s3lo.yaml"
    assert json.loads(keys.OCI_LAYOUT) == {"imageLayoutVersion": "1.0.0"}


def test_blobs_are_tiered_and_the_rest_is_not() -> None:
    assert keys.storage_class(keys.blob_key(Digest.of(b""))) == "INTELLIGENT_TIERING"
    assert keys.storage_class(keys.manifest_key("app", "v1")) == "STANDARD"
    assert keys.storage_class(keys.RULES_KEY) == "STANDARD"
