"""Listings of the S3 store, page by page, and deletions, batch by batch."""

from __future__ import annotations

import base64
import hashlib

import pytest

from s3lo.backoff import ATTEMPTS
from s3lo.errors import AccessDeniedError, NotFoundError, ServiceError
from tests.integration.answered import AnsweredStore
from tests.servers.answering import Answer


def _page(keys: list[str], token: str = "") -> Answer:
    entries = "".join(
        f"<Contents><Key>{key}</Key><Size>3</Size><ETag>&quot;e&quot;</ETag>"
        "<LastModified>2024-01-02T03:04:05.000Z</LastModified></Contents>"
        for key in keys
    )
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    cut = "true" if token else "false"
    body = (
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<EncodingType>url</EncodingType><IsTruncated>{cut}</IsTruncated>{more}{entries}"
        "</ListBucketResult>"
    )
    return Answer(200, body.encode())


def test_a_level_has_the_prefixes_of_all_pages(answered: AnsweredStore) -> None:
    page = (
        b"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>%s</IsTruncated>%s"
        b"<CommonPrefixes><Prefix>a/%s/</Prefix></CommonPrefixes></ListBucketResult>"
    )
    token = b"<NextContinuationToken>t</NextContinuationToken>"
    answered.by.script(
        Answer(200, page % (b"true", token, b"b%2Bc")), Answer(200, page % (b"false", b"", b"d"))
    )
    assert answered.store.level("a/").folders == ("a/b+c/", "a/d/")
    assert "delimiter=%2F" in answered.by.seen[0].path


def test_a_listing_goes_on_where_a_page_ends(answered: AnsweredStore) -> None:
    answered.by.script(_page(["a%20b", "c%2Bd"], "to/ken+="), _page(["e"]))
    found = list(answered.store.list("pre fix"))
    assert [info.key for info in found] == ["a b", "c+d", "e"]
    assert (found[0].size, found[0].etag, found[0].storage_class) == (3, "e", "STANDARD")
    first, second = answered.by.seen
    assert first.path == "/bucket/?encoding-type=url&list-type=2&prefix=pre%20fix"
    assert "continuation-token=to%2Fken%2B%3D" in second.path


@pytest.mark.parametrize("body", [b"", b"<html>", b"<html></html>", _page(["a"]).body[:-30]])
def test_a_listing_that_is_none_is_never_an_empty_one(answered: AnsweredStore, body: bytes) -> None:
    answered.by.script(Answer(200, body))
    with pytest.raises(ServiceError):
        list(answered.store.list(""))


def test_a_listing_cut_short_without_a_token_is_an_error(answered: AnsweredStore) -> None:
    page = _page(["a"]).body.replace(b"false", b"true")
    answered.by.script(Answer(200, page))
    with pytest.raises(ServiceError):
        list(answered.store.list(""))


def test_a_listing_of_nothing_is_a_missing_bucket(answered: AnsweredStore) -> None:
    """Also where a plain file server says so, which knows no codes."""
    answered.by.script(Answer(404, b"<html>"))
    with pytest.raises(NotFoundError, match="no such bucket"):
        list(answered.store.list(""))


def _deleted(*failures: tuple[str, str]) -> Answer:
    errors = "".join(
        f"<Error><Key>{key}</Key><Code>{code}</Code><Message>No.</Message></Error>"
        for key, code in failures
    )
    return Answer(200, f"<DeleteResult>{errors}</DeleteResult>".encode())


def test_deletion_goes_in_batches_that_carry_a_checksum(answered: AnsweredStore) -> None:
    answered.by.script(_deleted())
    answered.store.delete(f"key-{number}" for number in range(2500))
    assert [seen.body.count(b"<Key>") for seen in answered.by.seen] == [1000, 1000, 500]
    for seen in answered.by.seen:
        md5 = base64.b64encode(hashlib.md5(seen.body).digest()).decode()
        assert seen.headers["content-md5"] == md5
        assert (seen.method, seen.path) == ("POST", "/bucket/?delete=")


def test_keys_are_escaped_in_a_deletion(answered: AnsweredStore) -> None:
    answered.by.script(_deleted())
    answered.store.delete(["a&<b>"])
    assert b"<Key>a&amp;&lt;b&gt;</Key>" in answered.by.seen[0].body


def test_a_key_that_cannot_be_deleted_is_named(answered: AnsweredStore) -> None:
    answered.by.script(_deleted(("locked", "AccessDenied")))
    with pytest.raises(AccessDeniedError, match="s3://bucket/locked"):
        answered.store.delete(["fine", "locked"])


def test_keys_that_fail_in_passing_are_deleted_again(answered: AnsweredStore) -> None:
    answered.by.script(_deleted(("b", "SlowDown"), ("gone", "NoSuchKey")), _deleted())
    answered.store.delete(["a", "b", "gone"])
    assert answered.by.seen[1].body.count(b"<Key>") == 1
    assert b"<Key>b</Key>" in answered.by.seen[1].body


def test_keys_that_are_refused_for_a_while_are_deleted_in_the_end(answered: AnsweredStore) -> None:
    """A clean of a busy bucket gave up after half a minute."""
    answered.by.script(*[_deleted(("b", "SlowDown"))] * (2 * ATTEMPTS), _deleted())
    answered.store.delete(["a", "b"])
    assert len(answered.by.seen) == 2 * ATTEMPTS + 1


@pytest.mark.parametrize("code", ["SlowDown", "InternalError"])
def test_a_key_that_fails_in_passing_for_ever_is_named(answered: AnsweredStore, code: str) -> None:
    answered.by.script(_deleted(("b", code)))
    [failed] = answered.store.remove(["a", "b"])
    assert (failed.key, failed.code) == ("b", code)


def test_nothing_to_delete_is_no_request(answered: AnsweredStore) -> None:
    answered.store.delete([])
    assert answered.by.seen == []
