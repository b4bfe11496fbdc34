"""What the S3 store says when it writes, and what it makes of a refusal."""

from __future__ import annotations

import base64
import hashlib

import pytest

from s3lo.errors import NotFoundError, RefusedError
from tests.integration.answered import AnsweredStore
from tests.servers.answering import HANG_UP, Answer, error


def test_a_put_lets_the_service_check_the_bytes(answered: AnsweredStore) -> None:
    answered.store.put("key", b"body", storage_class="INTELLIGENT_TIERING")
    [seen] = answered.by.seen
    checksum = base64.b64encode(hashlib.sha256(b"body").digest()).decode()
    assert seen.headers["x-amz-checksum-sha256"] == checksum
    assert seen.headers["x-amz-storage-class"] == "INTELLIGENT_TIERING"
    assert seen.headers["content-type"] == "application/json"
    assert seen.body == b"body"


def test_the_standard_class_is_not_spelled_out(answered: AnsweredStore) -> None:
    """Endpoints that know no classes take everything else."""
    answered.store.put("key", b"body")
    assert "x-amz-storage-class" not in answered.by.seen[0].headers


def test_a_storage_class_that_an_endpoint_refuses_is_left_out_from_then_on(
    answered: AnsweredStore,
) -> None:
    answered.by.reply = lambda seen: (
        error(400, "InvalidStorageClass") if "x-amz-storage-class" in seen.headers else Answer()
    )
    for _ in range(2):
        answered.store.put("key", b"body", storage_class="INTELLIGENT_TIERING")
    assert len(answered.by.seen) == 3


def test_a_missing_bucket_refuses_a_put(answered: AnsweredStore) -> None:
    answered.by.script(error(404, "NoSuchBucket"))
    with pytest.raises(NotFoundError, match="no such bucket"):
        answered.store.put("key", b"body")


def test_a_conditional_conflict_is_decided_by_trying_again(answered: AnsweredStore) -> None:
    answered.by.script(error(409, "ConditionalRequestConflict"), Answer())
    answered.store.put("key", b"body", if_absent=True)
    assert [seen.headers["if-none-match"] for seen in answered.by.seen] == ["*", "*"]


def test_a_condition_that_does_not_hold_is_refused(answered: AnsweredStore) -> None:
    answered.by.script(error(412, "PreconditionFailed"))
    with pytest.raises(RefusedError):
        answered.store.put("key", b"body", if_absent=True)
    assert len(answered.by.seen) == 1


@pytest.mark.parametrize("stored", [b"body", b"other"])
def test_a_write_whose_answer_was_lost_is_recognised(
    answered: AnsweredStore, stored: bytes
) -> None:
    """Else the second attempt meets the first one's object and calls the tag taken."""
    puts = iter([HANG_UP, error(412, "PreconditionFailed")])
    answered.by.reply = lambda seen: next(puts) if seen.method == "PUT" else Answer(200, stored)
    if stored == b"body":
        answered.store.put("key", b"body", if_absent=True)
    else:
        with pytest.raises(RefusedError):
            answered.store.put("key", b"body", if_absent=True)


def test_an_etag_that_was_read_is_the_condition_of_a_write(answered: AnsweredStore) -> None:
    answered.by.script(Answer(206, b"body", {"etag": '"abc"'}), Answer())
    read = answered.store.read("key")
    assert (read.body, read.etag) == (b"body", "abc")
    answered.store.put("key", b"new", if_match=read.etag)
    assert answered.by.seen[1].headers["if-match"] == '"abc"'
    for answer in (error(412, "PreconditionFailed"), error(404, "NoSuchKey")):
        answered.by.script(answer)
        with pytest.raises(RefusedError):
            answered.store.put("key", b"new", if_match=read.etag)
    answered.by.script(error(404, "NoSuchBucket"))
    with pytest.raises(NotFoundError):
        answered.store.put("key", b"new", if_match=read.etag)
