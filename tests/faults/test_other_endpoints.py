"""Endpoints that are S3 in their own way, and answers that S3 gives only when something went wrong."""

from __future__ import annotations

import pytest

from tests.faults.command import Commands
from tests.faults.images import Bucket, Layout, key_of
from tests.servers import Unruly
from tests.servers.unruly import Exchange, Gate, lose_answer, refusing


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_completion_whose_answer_was_lost_is_not_taken_for_a_failure(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout, processes: str
) -> None:
    """S3 answers a repeated CompleteMultipartUpload with NoSuchUpload once it is done."""
    key = key_of(large.largest)
    unruly.when("POST", f"{key}?uploadId", lose_answer, times=1)
    unruly.when("POST", f"{key}?uploadId", refusing(404, "NoSuchUpload"))
    arguments = ("--part-size", "5MiB", "--processes", processes)
    pushed = s3lo.run("push", f"oci:{large.path}", empty.reference(), *arguments)
    assert pushed.status == 0, pushed.stderr
    assert empty.get(key) == large.blob(large.largest)


def test_an_upload_that_is_gone_is_a_failure_when_its_object_is_not_there(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout
) -> None:
    unruly.when("POST", f"{key_of(large.largest)}?uploadId", refusing(404, "NoSuchUpload"))
    pushed = s3lo.run("push", f"oci:{large.path}", empty.reference(), "--part-size", "5MiB")
    assert pushed.status == 3
    empty.check_untagged()


@pytest.mark.parametrize("processes", ["0", "2"])
@pytest.mark.parametrize(("status", "code"), [(501, "NotImplemented"), (400, "InvalidRequest")])
def test_an_endpoint_without_conditional_writes_is_pushed_to_without_them(
    s3lo: Commands,
    unruly: Unruly,
    empty: Bucket,
    large: Layout,
    processes: str,
    status: int,
    code: str,
) -> None:
    for method in ("PUT", "POST"):
        unruly.when(method, "/blobs/", refusing(status, code, "if-none-match"))
    arguments = ("--part-size", "5MiB", "--processes", processes)
    pushed = s3lo.run("push", f"oci:{large.path}", empty.reference(), *arguments)
    assert pushed.status == 0, pushed.stderr
    empty.check_whole(large)


@pytest.mark.parametrize("status", [409, 412])
def test_a_push_that_loses_to_another_of_the_same_blobs_succeeds(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout, status: int
) -> None:
    """409: while the other one is still at it."""
    code = "ConditionalRequestConflict" if status == 409 else "PreconditionFailed"
    key = key_of(large.largest)

    def lose(exchange: Exchange) -> None:
        empty.put(key, large.blob(large.largest))
        refusing(status, code)(exchange)

    unruly.when("POST", f"{key}?uploadId", lose, times=1)
    pushed = s3lo.run("push", f"oci:{large.path}", empty.reference(), "--part-size", "5MiB")
    assert pushed.status == 0, pushed.stderr
    empty.check_whole(large)


def test_a_push_overwrites_nothing_that_another_has_stored_meanwhile(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout
) -> None:
    gate = Gate()
    unruly.when("PUT", "/blobs/", gate)
    push = s3lo.start("push", f"oci:{large.path}", empty.reference(), "--part-size", "5MiB")
    gate.wait_for(2)
    empty.fill(large, "other")
    written = {key_of(digest): empty.modified(key_of(digest)) for digest in large.blobs}
    gate.open()
    assert push.wait().status == 0
    assert {key: empty.modified(key) for key in written} == written
    empty.check_whole(large)


@pytest.mark.parametrize("processes", ["0", "2"])
def test_an_endpoint_without_intelligent_tiering_is_pushed_to_without_it(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout, processes: str
) -> None:
    for method in ("PUT", "POST"):
        refuse = refusing(400, "InvalidStorageClass", "x-amz-storage-class")
        unruly.when(method, "/blobs/", refuse)
    arguments = ("--part-size", "5MiB", "--processes", processes)
    pushed = s3lo.run("push", f"oci:{large.path}", empty.reference(), *arguments)
    assert pushed.status == 0, pushed.stderr
    assert {key_of(digest) for digest in large.blobs} <= empty.keys()


@pytest.mark.parametrize(("status", "code"), [(501, "NotImplemented"), (400, "InvalidRequest")])
def test_an_endpoint_without_the_checksum_of_parts_is_pushed_to_without_it(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout, status: int, code: str
) -> None:
    unruly.when("POST", "?uploads", refusing(status, code, "x-amz-checksum-algorithm"))
    unruly.when("PUT", "partNumber=", refusing(status, code, "x-amz-checksum-crc64nvme"))
    pushed = s3lo.run("push", f"oci:{large.path}", empty.reference(), "--part-size", "5MiB")
    assert pushed.status == 0, pushed.stderr
    assert empty.get(key_of(large.largest)) == large.blob(large.largest)
