"""Pushes whose layers leave while others are made: many at once, killed, refused, out of space."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import time
from pathlib import Path

import pytest

from tests.faults.command import Commands, Ended
from tests.faults.images import Bucket, key_of
from tests.images import Image, sized_image, write_oci_layout
from tests.servers import Unruly
from tests.servers.unruly import Meeting, refusing

SIZES = (7_000_000, 300_000, 12_000_000)
"""Noise: what zstd makes of it takes as much."""


def plain_layout(directory: Path, seed: int, sizes: tuple[int, ...] = SIZES) -> tuple[str, Image]:
    """A source whose layers are still to be compressed."""
    directory.mkdir(exist_ok=True)
    image = sized_image(directory, sizes, seed)
    write_oci_layout(image, directory / f"plain-{seed}", compress=False)
    return f"oci:{directory / f'plain-{seed}'}", image


def check_tag(bucket: Bucket, image: Image, tag: str) -> None:
    """The tag is of this image, and all that it names is there and right."""
    manifest = json.loads(bucket.get(f"manifests/app/{tag}/manifest.json"))
    assert manifest["config"]["digest"] == image.id
    assert len(manifest["layers"]) == len(image.layers)
    for blob in (manifest["config"], *manifest["layers"]):
        content = bucket.get(key_of(blob["digest"]))
        assert (f"sha256:{hashlib.sha256(content).hexdigest()}", len(content)) == (
            blob["digest"],
            blob["size"],
        )


def push(s3lo: Commands, source: str, reference: str, *more: str) -> Ended:
    return s3lo.run("push", source, reference, "-o", "json", "--part-size", "5MiB", *more)


def test_ten_pushes_of_ten_images_into_one_bucket_all_succeed(
    s3lo: Commands, empty: Bucket, tmp_path: Path
) -> None:
    made = [plain_layout(tmp_path / "images", n, (1_000_000, 6_000_000)) for n in range(10)]
    running = [
        s3lo.start("push", source, empty.reference(f"v{n}")) for n, (source, _) in enumerate(made)
    ]
    assert [each.wait().status for each in running] == [0] * 10
    for n, (_, image) in enumerate(made):
        check_tag(empty, image, f"v{n}")
    assert empty.uploads() == []


def test_of_two_images_for_one_tag_one_is_there_and_whole(
    s3lo: Commands, unruly: Unruly, empty: Bucket, tmp_path: Path
) -> None:
    made = [plain_layout(tmp_path / "images", n) for n in range(2)]
    unruly.when("PUT", "/manifests/app/v1/manifest.json", Meeting(2))
    running = [s3lo.start("push", source, empty.reference()) for source, _ in made]
    assert [each.wait().status for each in running] == [0, 0]
    found = json.loads(empty.get("manifests/app/v1/manifest.json"))["config"]["digest"]
    [there] = [image for _, image in made if image.id == found]
    check_tag(empty, there, "v1")
    assert empty.uploads() == []


@pytest.mark.parametrize("attempt", range(4))
def test_a_push_killed_at_any_moment_and_repeated_ends_right(
    s3lo: Commands, empty: Bucket, tmp_path: Path, attempt: int
) -> None:
    """Five times over: a tag that is to be seen is whole."""
    source, image = plain_layout(tmp_path / "images", 100 + attempt)
    chosen = random.Random(attempt)
    for _ in range(5):
        running = s3lo.start("push", source, empty.reference(), "--part-size", "5MiB")
        time.sleep(chosen.uniform(0.05, 0.9))
        running.signal_group(signal.SIGKILL)
        if running.wait().status == 0:
            break
        keys = empty.keys()
        if "manifests/app/v1/manifest.json" in keys:
            check_tag(empty, image, "v1")  # killed when all was done
            break
        for key in keys:
            if key.startswith("blobs/"):
                assert hashlib.sha256(empty.get(key)).hexdigest() == key.rpartition("/")[2]
    result = push(s3lo, source, empty.reference()).result
    assert result["bytes"] > sum(SIZES)
    check_tag(empty, image, "v1")
    again = push(s3lo, source, empty.reference()).result
    assert again["bytes_uploaded"] == 0


def test_a_layer_that_is_refused_while_the_next_is_made_ends_the_push(
    s3lo: Commands, unruly: Unruly, empty: Bucket, tmp_path: Path
) -> None:
    source, _ = plain_layout(tmp_path / "images", 7)
    unruly.when("PUT", "/blobs/", refusing(403, "AccessDenied"))
    unruly.when("POST", "/blobs/", refusing(403, "AccessDenied"))
    ended = s3lo.run("push", source, empty.reference())
    ended.fails(4, empty.reference())
    empty.check_untagged()


def test_an_interrupted_push_leaves_nothing_half_done(
    s3lo: Commands, unruly: Unruly, empty: Bucket, tmp_path: Path
) -> None:
    source, _ = plain_layout(tmp_path / "images", 8)
    unruly.when("PUT", "/blobs/", Meeting(100))
    running = s3lo.start("push", source, empty.reference(), "--part-size", "5MiB")
    deadline = time.monotonic() + 30
    while not unruly.count("PUT", "/blobs/") and time.monotonic() < deadline:
        time.sleep(0.02)
    running.signal(signal.SIGINT)
    running.wait().fails(130)
    empty.check_untagged()
