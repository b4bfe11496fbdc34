"""A push that was killed, and the next one of the same blobs: only what is missing is sent."""

from __future__ import annotations

import random
import signal
import time

import pytest

from tests.faults.command import Commands, eventually
from tests.faults.images import Bucket, Layout, key_of
from tests.servers import Unruly
from tests.servers.unruly import Gate, refusing

PART = 5 << 20
PARTS = 5
"""Of the largest blob."""
OPTIONS = ("--part-size", "5MiB", "--max-in-flight", "2", "-o", "json")


def kill_midway(
    s3lo: Commands, unruly: Unruly, bucket: Bucket, image: Layout, after: int, *options: str
) -> tuple[str, int]:
    """Kill a push when so many parts are there and all it still sends hangs; the id of the upload that
    it leaves, and the bytes in it."""
    gate = Gate()
    unruly.when("PUT", "partNumber=", gate, after=after)
    push = s3lo.start("push", f"oci:{image.path}", bucket.reference(), *OPTIONS, *options)
    gate.wait_for(min(2, PARTS - after))
    [upload] = bucket.uploads()
    assert eventually(lambda: len(bucket.parts(upload)) == after)
    push.signal(signal.SIGKILL)
    push.wait()
    unruly.rules.clear()
    return upload["UploadId"], sum(bucket.parts(upload).values())


@pytest.mark.parametrize(
    "options",
    [("--processes", "0"), ("--processes", "2"), ("--processes", "0", "--backend", "native")],
    ids=["serial", "processes", "awscrt"],
)
@pytest.mark.parametrize("after", range(1, PARTS))
def test_a_killed_push_that_is_repeated_sends_only_what_is_missing(
    s3lo: Commands,
    unruly: Unruly,
    empty: Bucket,
    large: Layout,
    options: tuple[str, ...],
    after: int,
) -> None:
    _, left_bytes = kill_midway(s3lo, unruly, empty, large, after, *options)
    before = unruly.count("PUT", "partNumber=")
    again = s3lo.run("push", f"oci:{large.path}", empty.reference(), *OPTIONS, *options)
    assert unruly.count("PUT", "partNumber=") - before == PARTS - after
    assert again.result["engine"]["reused_bytes"] == left_bytes
    assert f"({left_bytes / 1e6:.1f} MB) of an interrupted push: used again" in again.stderr
    empty.check_whole(large)


def test_a_push_that_is_killed_again_and_again_gets_done(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout
) -> None:
    for after in (1, 2, 3):
        gate = Gate()
        unruly.when("PUT", "partNumber=", gate, after=1)
        push = s3lo.start("push", f"oci:{large.path}", empty.reference(), *OPTIONS)
        gate.wait_for(2)
        [upload] = empty.uploads()
        assert eventually(lambda: len(empty.parts(upload)) == after)  # noqa: B023
        push.signal(signal.SIGKILL)
        push.wait()
        unruly.rules.clear()
    result = s3lo.run("push", f"oci:{large.path}", empty.reference(), *OPTIONS).result
    assert result["engine"]["reused_bytes"] == 3 * PART
    empty.check_whole(large)


def test_what_was_left_is_proven_before_it_is_used(
    s3lo: Commands, empty: Bucket, large: Layout
) -> None:
    whole = large.blob(large.largest)
    parts = {1: b"?" * PART, 2: whole[PART : 2 * PART - 1], 4: whole[3 * PART : 4 * PART]}
    empty.leave_upload(key_of(large.largest), parts)
    pushed = s3lo.run("push", f"oci:{large.path}", empty.reference(), *OPTIONS)
    assert pushed.result["engine"]["reused_bytes"] == PART
    assert "1 part (5.2 MB)" in pushed.stderr
    empty.check_whole(large)


def test_another_part_size_begins_anew(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout
) -> None:
    """And does not touch what is there: another push might be at it."""
    left, _ = kill_midway(s3lo, unruly, empty, large, 3)
    pushed = s3lo.run("push", f"oci:{large.path}", empty.reference(), "--part-size", "6MiB")
    assert pushed.status == 0, pushed.stderr
    assert [upload["UploadId"] for upload in empty.uploads()] == [left]
    assert empty.get(key_of(large.largest)) == large.blob(large.largest)


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (501, "NotImplemented")])
@pytest.mark.parametrize("what", ["uploads=", "uploadId="])
def test_where_nothing_can_be_listed_a_push_begins_anew(
    s3lo: Commands,
    unruly: Unruly,
    empty: Bucket,
    large: Layout,
    what: str,
    status: int,
    code: str,
) -> None:
    kill_midway(s3lo, unruly, empty, large, 3)
    unruly.when("GET", what, refusing(status, code))
    pushed = s3lo.run("push", f"oci:{large.path}", empty.reference(), *OPTIONS)
    assert pushed.result["engine"]["reused_bytes"] == 0
    assert empty.get(key_of(large.largest)) == large.blob(large.largest)


def test_a_push_that_goes_on_with_what_another_is_sending_destroys_nothing(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout
) -> None:
    """The first finds its upload finished by the second: what it wanted is there."""
    gate = Gate()
    unruly.when("PUT", "partNumber=", gate, after=2, times=2)
    first = s3lo.start("push", f"oci:{large.path}", empty.reference("first"), *OPTIONS)
    gate.wait_for(2)
    second = s3lo.run("push", f"oci:{large.path}", empty.reference("second"), *OPTIONS)
    assert second.result["engine"]["reused_bytes"] == 2 * PART
    gate.open()
    assert first.wait().status == 0
    for tag in ("first", "second"):
        empty.check_whole(large, tag)


def test_a_push_that_is_interrupted_leaves_what_another_is_sending(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout
) -> None:
    gate, own = Gate(), Gate()
    unruly.when("PUT", "partNumber=", gate, after=2, times=2)
    first = s3lo.start("push", f"oci:{large.path}", empty.reference("first"), *OPTIONS)
    gate.wait_for(2)
    unruly.rules.clear()
    unruly.when("PUT", "partNumber=", own)
    second = s3lo.start("push", f"oci:{large.path}", empty.reference("second"), *OPTIONS)
    own.wait_for(1)
    second.signal(signal.SIGINT)
    assert second.wait().status == 130
    unruly.rules.clear()
    gate.open()
    assert first.wait().status == 0
    empty.check_whole(large, "first")


def test_a_push_whose_upload_another_aborts_begins_anew(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout
) -> None:
    """The other one has begun it, and is interrupted."""
    gate, own = Gate(), Gate()
    unruly.when("PUT", "partNumber=", gate, after=2, times=2)
    first = s3lo.start("push", f"oci:{large.path}", empty.reference("first"), *OPTIONS)
    gate.wait_for(2)
    unruly.rules.clear()
    unruly.when("PUT", "partNumber=", own, times=2)
    second = s3lo.start("push", f"oci:{large.path}", empty.reference("second"), *OPTIONS)
    own.wait_for(2)
    first.signal(signal.SIGINT)
    assert first.wait().status == 130
    own.open()
    assert second.wait().result["engine"]["reused_bytes"] == 0
    empty.check_whole(large, "second")


def test_parts_that_are_not_found_as_they_were_named_are_looked_at_again(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout
) -> None:
    unruly.when("POST", "?uploadId", refusing(400, "InvalidPart"), times=1)
    pushed = s3lo.run("push", f"oci:{large.path}", empty.reference(), *OPTIONS)
    assert pushed.status == 0, pushed.stderr
    empty.check_whole(large)


@pytest.mark.parametrize("seed", range(3))
def test_a_push_that_is_killed_at_any_moment_and_repeated_gets_done(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout, seed: int
) -> None:
    """And sends no more again than what was under way whenever it was killed."""
    moments, kills = random.Random(seed), 6
    for _ in range(kills):
        push = s3lo.start("push", f"oci:{large.path}", empty.reference(), *OPTIONS)
        time.sleep(moments.uniform(0.1, 0.8))
        push.signal(signal.SIGKILL)
        push.wait()
    assert s3lo.run("push", f"oci:{large.path}", empty.reference(), *OPTIONS).status == 0
    assert unruly.count("PUT", "partNumber=") <= PARTS + 2 * kills
    assert empty.get(key_of(large.largest)) == large.blob(large.largest)


def test_small_blobs_are_not_searched_for(
    s3lo: Commands, unruly: Unruly, empty: Bucket, small: Layout
) -> None:
    assert s3lo.run("push", f"oci:{small.path}", empty.reference()).status == 0
    assert unruly.count("GET", "uploads=") == 0
