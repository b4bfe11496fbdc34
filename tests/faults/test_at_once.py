"""Several processes at the same moment: at one destination, one tag, one blob."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.command import Commands
from tests.faults.images import Bucket, Layout, check_layout, key_of, make_layout, names_in
from tests.servers import Unruly
from tests.servers.unruly import Meeting

MANIFEST = "/manifests/app/v1/manifest.json"
IMMUTABLE = b"images: {app: {immutable: true}}\n"


def test_of_two_pulls_to_one_place_one_wins(
    s3lo: Commands, unruly: Unruly, stored: Bucket, large: Layout, tmp_path: Path
) -> None:
    unruly.when("GET", key_of(large.blobs[0]), Meeting(2), times=2)
    target = tmp_path / "pulled"
    pulls = [s3lo.start("pull", stored.reference(), "--to", f"oci:{target}") for _ in range(2)]
    winner, loser = sorted((pull.wait() for pull in pulls), key=lambda ended: ended.status)
    assert winner.status == 0
    loser.fails(6, stored.reference(), str(target))
    check_layout(target, large)


def test_two_pulls_that_replace_one_layout_both_succeed(
    s3lo: Commands, unruly: Unruly, stored: Bucket, large: Layout, tmp_path: Path
) -> None:
    command = ("pull", stored.reference(), "--to", f"oci:{tmp_path / 'pulled'}", "--force")
    assert s3lo.run(*command).status == 0
    unruly.when("GET", key_of(large.blobs[0]), Meeting(2), times=2)
    pulls = [s3lo.start(*command) for _ in range(2)]
    assert [pull.wait().status for pull in pulls] == [0, 0]
    check_layout(tmp_path / "pulled", large)


def test_two_pushes_of_one_image_to_one_tag_both_succeed(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout
) -> None:
    unruly.when("PUT", MANIFEST, Meeting(2))
    command = ("push", f"oci:{large.path}", empty.reference(), "--part-size", "5MiB")
    pushes = [s3lo.start(*command) for _ in range(2)]
    assert [push.wait().status for push in pushes] == [0, 0]
    empty.check_whole(large)


def test_two_pushes_of_images_that_share_blobs_both_succeed(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout, tmp_path: Path
) -> None:
    """Each finds the other's blobs there, or not, or half there."""
    other = make_layout(tmp_path, (22_000_000, 500_000))
    assert set(large.blobs) & set(other.blobs) == {large.largest}
    unruly.when("POST", f"{key_of(large.largest)}?uploads", Meeting(2))
    pushes = [
        s3lo.start("push", f"oci:{each.path}", empty.reference(tag), "--part-size", "5MiB")
        for tag, each in (("v1", large), ("v2", other))
    ]
    assert [push.wait().status for push in pushes] == [0, 0]
    empty.check_whole(large, "v1")
    empty.check_whole(other, "v2")


def test_of_two_pushes_to_an_immutable_tag_exactly_one_succeeds(
    s3lo: Commands, unruly: Unruly, empty: Bucket, small: Layout, tmp_path: Path
) -> None:
    """Both look and find no tag there before either writes it."""
    empty.put("s3lo.yaml", IMMUTABLE)
    other = make_layout(tmp_path, (100_000,), seed=1)
    unruly.when("PUT", MANIFEST, Meeting(2), times=2)
    images = (small, other)
    pushes = [s3lo.start("push", f"oci:{each.path}", empty.reference()) for each in images]
    ended = [push.wait() for push in pushes]
    assert sorted(each.status for each in ended) == [0, 6]
    lost = next(number for number, each in enumerate(ended) if each.status)
    ended[lost].fails(6, empty.reference(), "immutable", "--force")
    empty.check_whole(images[1 - lost])

    later = ("push", f"oci:{images[lost].path}", empty.reference())
    s3lo.run(*later).fails(6, "immutable", "--force")
    empty.check_whole(images[1 - lost])
    assert s3lo.run(*later, "--force").status == 0
    empty.check_whole(images[lost])


@pytest.mark.parametrize("attempt", range(3))
def test_of_three_pushes_to_an_immutable_tag_of_a_local_store_one_succeeds(
    s3lo: Commands, small: Layout, tmp_path: Path, attempt: int
) -> None:
    del attempt
    root = tmp_path / "store"
    root.mkdir()
    (root / "s3lo.yaml").write_bytes(IMMUTABLE)
    command = ("push", f"oci:{small.path}", f"local://{root}/app:v1")
    pushes = [s3lo.start(*command) for _ in range(3)]
    assert sorted(push.wait().status for push in pushes) == [0, 6, 6]
    place = root / "manifests" / "app" / "v1"
    assert (place / "manifest.json").read_bytes() == small.manifest
    assert names_in(root) == {"blobs", "manifests", "s3lo.yaml"}
