"""References: what is taken, what is refused, and where a local store's root is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.errors import InvalidReference
from s3lo.model.digest import Digest
from s3lo.model.reference import (
    ImageReference,
    Location,
    parse_image_reference,
    parse_location,
    split_local_path,
)

DIGEST = "sha256:" + "0" * 64

components = st.from_regex(r"[a-z0-9]{1,5}([._-][a-z0-9]{1,5}){0,2}", fullmatch=True)
images = st.lists(components, min_size=1, max_size=4).map("/".join)
image_tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)
buckets = st.from_regex(r"[a-z0-9][a-z0-9-]{1,20}[a-z0-9]", fullmatch=True)
digests = st.binary(max_size=8).map(Digest.of)


@given(buckets, images, image_tags)
def test_an_image_by_tag_is_taken_apart_and_written_the_same(
    bucket: str, image: str, tag: str
) -> None:
    text = f"s3://{bucket}/{image}:{tag}"
    reference = parse_image_reference(text)
    assert reference == ImageReference(Location("s3", bucket), image, tag)
    assert str(reference) == text
    assert reference.is_creatable


@given(buckets, images, digests)
def test_an_image_by_digest_is_taken_apart_and_written_the_same(
    bucket: str, image: str, digest: Digest
) -> None:
    text = f"s3://{bucket}/{image}@{digest}"
    reference = parse_image_reference(text)
    assert (reference.image, reference.tag, reference.digest) == (image, "", digest)
    assert str(reference) == text


@given(components, images, image_tags)
def test_a_local_image_is_taken_apart_and_written_the_same(root: str, image: str, tag: str) -> None:
    for lead in ("./", "../", "/"):
        reference = parse_image_reference(f"local://{lead}{root}/{image}:{tag}")
        assert reference == ImageReference(Location("local", f"{lead}{root}"), image, tag)
        assert parse_image_reference(str(reference)) == reference


@given(st.text(st.sampled_from("ab/.:@\\\0-_A s"), max_size=20))
def test_what_is_taken_has_only_plain_components(rest: str) -> None:
    """No text gets a dot component, an empty one, a backslash or a NUL into a key or a path."""
    for scheme in ("s3://bucket/", "local://./store/", "local://", "s3://"):
        try:
            reference = parse_image_reference(scheme + rest)
        except InvalidReference:
            continue
        for component in (*reference.image.split("/"), reference.tag or "x"):
            assert component not in ("", ".", "..")
            assert not set("\\\0/ ") & set(component)
        inside = reference.location.name.lstrip("./").split("/")
        assert not {".", ".."} & set(inside)
        assert not set("\\\0") & set(reference.location.name)


@pytest.mark.parametrize(
    "text",
    [
        "app:v1",
        "http://bucket/app:v1",
        "s3://",
        "s3://bucket",
        "s3://bucket/",
        "s3://bucket/:v1",
        "s3://bucket/app:",
        "s3://bucket/app@",
        "s3://bucket/app@sha256:123",
        f"s3://bucket/@{DIGEST}",
        f"s3://bucket/app@{DIGEST}\n",
        "s3://bucket/app:v1\n",
        "s3://bucket\n/app:v1",
        "s3://Bucket/app:v1",
        "s3://b/app:v1",
        "s3://buc..ket/app:v1",
        "s3://bucket//app:v1",
        "s3://bucket/app/:v1",
        "s3://bucket/../app:v1",
        "s3://bucket/a/./b:v1",
        "s3://bucket/a\\b:v1",
        "s3://bucket/app:v1:v2/x",
        "s3://bucket/" + "a" * 256 + ":v1",
        "s3://bucket/app:" + "a" * 129,
        "local://",
        "local:///",
        "local://./",
        "local://./store",
        "local://./store/app",
        "local://./store/../app:v1",
    ],
)
def test_what_is_no_image_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference):
        parse_image_reference(text)


def test_a_missing_tag_is_never_made_up() -> None:
    with pytest.raises(InvalidReference, match="neither tag nor digest") as raised:
        parse_image_reference("s3://bucket/app")
    assert "s3://bucket/app:latest" in raised.value.hint


def test_a_tag_before_a_digest_is_dropped_for_the_digest() -> None:
    reference = parse_image_reference(f"s3://bucket/app:v1@{DIGEST}")
    assert (reference.image, reference.tag, reference.digest) == ("app", "", DIGEST)


@pytest.mark.parametrize("name", ["app:v1:v2", "app:v 1", "app:", ":v1", "a:x/b:v1"])
def test_no_more_than_one_tag_stands_before_a_digest(name: str) -> None:
    """``app:v1:v2@sha256:…`` was taken for ``app@sha256:…``."""
    with pytest.raises(InvalidReference):
        parse_image_reference(f"s3://bucket/{name}@{DIGEST}")


def test_names_of_the_go_tool_can_be_read_but_not_made() -> None:
    assert not parse_image_reference("s3://bucket/MyApp:v1").is_creatable
    assert not parse_image_reference("s3://bucket/a/b..c:v1").is_creatable
    assert parse_image_reference("s3://bucket/a/b__c:v1").is_creatable


@pytest.mark.parametrize(
    ("text", "name"),
    [("s3://bucket", "bucket"), ("s3://bucket/", "bucket"), ("s3://my.bucket-1/", "my.bucket-1")],
)
def test_a_bucket_is_taken_with_and_without_a_slash(text: str, name: str) -> None:
    assert parse_location(text) == Location("s3", name)


def test_an_image_where_a_bucket_is_meant_is_refused() -> None:
    with pytest.raises(InvalidReference):
        parse_location("s3://bucket/app:v1")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("local://./store/", "./store"),
        ("local:///abs/path/store/", "/abs/path/store"),
        ("local://../../store", "../../store"),
    ],
)
def test_a_store_is_the_whole_path(text: str, name: str) -> None:
    location = parse_location(text)
    assert location.name == name
    assert str(location) == f"local://{name}/"


def test_the_deepest_store_on_the_path_is_the_root() -> None:
    stores = {"/a", "/a/b"}
    assert split_local_path("/a/b/c/d", stores.__contains__) == ("/a/b", "c/d")


def test_without_a_store_the_first_component_is_the_root() -> None:
    assert split_local_path("/a/b/c", lambda _: False) == ("/a", "b/c")
    assert split_local_path("./a/b/c", lambda _: False) == ("./a", "b/c")
    assert split_local_path("../../a/b", lambda _: False) == ("../../a", "b")


def test_nested_images_beside_each_other_are_two() -> None:
    outer = parse_image_reference("s3://bucket/app:v1")
    inner = parse_image_reference("s3://bucket/app/v1:x")
    assert (outer.image, outer.tag) == ("app", "v1")
    assert (inner.image, inner.tag) == ("app/v1", "x")
