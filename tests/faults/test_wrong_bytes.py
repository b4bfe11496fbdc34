"""Bytes that are not what their name says, on the way and in the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.command import Commands, Ended
from tests.faults.images import Bucket, Layout, check_layout, key_of, names_in
from tests.servers import Unruly
from tests.servers.unruly import wrong_byte_back, wrong_byte_there


@pytest.fixture
def damaged(empty: Bucket, small: Layout) -> Bucket:
    """A bucket with the small image in it, for a test to damage."""
    empty.fill(small)
    return empty


def _pull(s3lo: Commands, bucket: Bucket, tmp_path: Path, *options: str) -> Ended:
    """Pull; where that fails, nothing of it may be left."""
    target = tmp_path / "pulled"
    ended = s3lo.run("pull", bucket.reference(), "--to", f"oci:{target}", *options)
    if ended.status:
        assert names_in(tmp_path) == {"scratch"}
    return ended


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_byte_that_changed_on_the_way_is_fetched_again(
    s3lo: Commands, unruly: Unruly, stored: Bucket, large: Layout, tmp_path: Path, processes: str
) -> None:
    unruly.when("GET", key_of(large.largest), wrong_byte_back, after=4, times=1)
    options = ("--processes", processes, "--part-size", "1MiB", "-o", "json")
    assert _pull(s3lo, stored, tmp_path, *options).status == 0
    check_layout(tmp_path / "pulled", large)
    parts = -(-len(large.blob(large.largest)) // (1 << 20))
    assert unruly.count("GET", key_of(large.largest)) == 2 * parts


def test_a_byte_of_a_small_upload_that_changed_on_the_way_is_not_stored(
    s3lo: Commands, unruly: Unruly, empty: Bucket, small: Layout
) -> None:
    unruly.when("PUT", key_of(small.largest), wrong_byte_there)
    pushed = s3lo.run("push", f"oci:{small.path}", empty.reference())
    pushed.fails(5, small.largest.removeprefix("sha256:"))
    empty.check_untagged()


def test_a_byte_of_a_part_that_changed_on_the_way_is_not_stored(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout
) -> None:
    unruly.when("PUT", "partNumber=2", wrong_byte_there)
    pushed = s3lo.run("push", f"oci:{large.path}", empty.reference(), "--part-size", "5MiB")
    pushed.fails(5, large.largest.removeprefix("sha256:"))
    empty.check_untagged()


def test_a_wrong_byte_in_the_store_is_named(
    s3lo: Commands, damaged: Bucket, small: Layout, tmp_path: Path
) -> None:
    content = small.blob(small.largest)
    damaged.put(key_of(small.largest), content[:-1] + bytes([content[-1] ^ 1]))
    _pull(s3lo, damaged, tmp_path).fails(
        5, key_of(small.largest), "push the image again with --force"
    )


@pytest.mark.parametrize("more", [-1, 1])
def test_a_wrong_size_in_the_store_is_named(
    s3lo: Commands, damaged: Bucket, small: Layout, tmp_path: Path, more: int
) -> None:
    content = small.blob(small.largest)
    damaged.put(key_of(small.largest), content[:-1] if more < 0 else content + b"?")
    _pull(s3lo, damaged, tmp_path).fails(
        5, key_of(small.largest), f"{len(content) + more} bytes", "push"
    )


def test_a_missing_blob_is_named(
    s3lo: Commands, damaged: Bucket, small: Layout, tmp_path: Path
) -> None:
    damaged.delete(key_of(small.largest))
    _pull(s3lo, damaged, tmp_path).fails(5, small.largest, "push it again")


def test_a_push_repairs_what_is_damaged(
    s3lo: Commands, damaged: Bucket, small: Layout, tmp_path: Path
) -> None:
    config, largest, other = small.blobs
    damaged.delete(key_of(config))
    damaged.put(key_of(largest), small.blob(largest) + b"?")
    pushed = s3lo.run("push", f"oci:{small.path}", damaged.reference(), "-o", "json").result
    assert {b["digest"]: b["uploaded"] for b in pushed["blobs"]} == {
        config: True,
        largest: True,
        other: False,
    }
    damaged.check_whole(small)
    assert _pull(s3lo, damaged, tmp_path).status == 0


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"<html>not found</html>",
        b"{",
        b"[]",
        b"{}",
        b'{"schemaVersion":1,"fsLayers":[]}',
        b'{"schemaVersion":2,"mediaType":"text/plain","config":{},"layers":[]}',
        b'{"schemaVersion":2,"layers":[],"manifests":[]}',
        b" " * ((4 << 20) + 1),
    ],
    ids=["empty", "html", "cut", "list", "bare", "schema-1", "other-type", "two-things", "huge"],
)
def test_a_manifest_that_is_none_is_named(
    s3lo: Commands, damaged: Bucket, tmp_path: Path, manifest: bytes
) -> None:
    damaged.put("manifests/app/v1/manifest.json", manifest)
    _pull(s3lo, damaged, tmp_path).fails(5, damaged.reference(), "manifest")


def test_a_config_that_is_none_is_named(
    s3lo: Commands, damaged: Bucket, small: Layout, tmp_path: Path
) -> None:
    damaged.put(key_of(small.blobs[0]), b"[]".ljust(len(small.blob(small.blobs[0]))))
    _pull(s3lo, damaged, tmp_path).fails(5, key_of(small.blobs[0]))
    _pull(s3lo, damaged, tmp_path, "--platform", "linux/amd64").fails(5, key_of(small.blobs[0]))


def test_a_layer_kept_in_chunks_is_named_and_not_called_corrupt(
    s3lo: Commands, damaged: Bucket, small: Layout, tmp_path: Path
) -> None:
    recipe = f"recipes/{key_of(small.largest).removeprefix('blobs/')}"
    damaged.delete(key_of(small.largest))
    damaged.put(recipe, b"{}")
    pulled = _pull(s3lo, damaged, tmp_path)
    pulled.fails(1, recipe, "does not read yet", "the tool that pushed it")
    assert "corrupt" not in pulled.stderr
    assert "damaged" not in pulled.stderr
