"""A page of a listing: the same objects, however a service writes them."""

from __future__ import annotations

import datetime

import pytest

from s3lo.bucket.s3_xml import read_page
from s3lo.errors import ServiceError
from s3lo.model.objects import ObjectInfo

AT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
KEY = "<Key>a/%C3%BC+b%2B</Key>"
DATE = "<LastModified>2026-01-02T03:04:05.000Z</LastModified>"
SIZE = "<Size>3</Size>"
CLASS = "<StorageClass>GLACIER_IR</StorageClass>"
ETAG = "<ETag>&quot;e-1&quot;</ETag>"
CHECKSUMS = (
    "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
)
OWNER = "<Owner><ID>1</ID><DisplayName>A &amp; B</DisplayName></Owner>"
OBJECT = ObjectInfo("a/ü b+", 3, "e-1", AT, "GLACIER_IR")
WRITTEN = {
    "usual": KEY + DATE + ETAG + SIZE + CLASS,
    "amazon": KEY + DATE + ETAG + CHECKSUMS + SIZE + CLASS,
    "etag as it is": KEY + DATE + '<ETag>"e-1"</ETag>' + SIZE + CLASS,
    "etag by its number": KEY + DATE + "<ETag>&#34;e-1&#34;</ETag>" + SIZE + CLASS,
    "etag without quotes": KEY + DATE + "<ETag>e-1</ETag>" + SIZE + CLASS,
    "with an owner": KEY + DATE + ETAG + SIZE + OWNER + CLASS,
    "in another order": CLASS + SIZE + ETAG + DATE + KEY,
    "with more fields": KEY + DATE + ETAG + SIZE + CLASS + "<UserTags>x</UserTags>",
    "with spaces": f"\n  {KEY}\n  {DATE}\n  {ETAG}\n  {SIZE}\n  {CLASS}\n",
    "another date": KEY + DATE.replace(".000Z", "+00:00") + ETAG + SIZE + CLASS,
}


def page(*entries: str, encoding: str = "<EncodingType>url</EncodingType>") -> bytes:
    contents = "".join(f"<Contents>{entry}</Contents>" for entry in entries)
    return (
        '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<IsTruncated>false</IsTruncated>{contents}{encoding}</ListBucketResult>"
    ).encode()


@pytest.mark.parametrize("entry", WRITTEN.values(), ids=WRITTEN)
def test_an_object_is_the_same_however_it_is_written(entry: str) -> None:
    assert read_page(page(entry, entry)).objects == (OBJECT, OBJECT)


def test_objects_keep_their_order_where_one_is_written_in_another_way() -> None:
    entries = [entry.replace("b%2B", str(n)) for n, entry in enumerate(WRITTEN.values())]
    found = read_page(page(*entries)).objects
    assert [each.key for each in found] == [f"a/ü {n}" for n in range(len(entries))]


def test_keys_that_are_not_encoded_are_taken_as_they_are() -> None:
    entry = WRITTEN["usual"]
    plain = entry.replace("a/%C3%BC+b%2B", "a/ü+b%2B")
    escaped = entry.replace("a/%C3%BC+b%2B", "a&amp;b")
    assert read_page(page(plain, encoding="")).objects[0].key == "a/ü+b%2B"
    assert read_page(page(plain, escaped, encoding="")).objects[1].key == "a&b"


def test_a_service_that_names_no_class_means_the_standard_one() -> None:
    assert read_page(page(KEY + DATE + ETAG + SIZE)).objects[0].storage_class == "STANDARD"


@pytest.mark.parametrize(
    "wrong",
    [
        WRITTEN["usual"].replace(DATE, "<LastModified>yesterday</LastModified>"),
        WRITTEN["usual"].replace(SIZE, "<Size>-3</Size>").replace("3", "three"),
        WRITTEN["usual"].replace(SIZE, ""),
    ],
    ids=["date", "size", "no size"],
)
def test_a_malformed_field_is_told_with_the_key(wrong: str) -> None:
    with pytest.raises(ServiceError, match="a/"):
        read_page(page(WRITTEN["usual"], wrong))


@pytest.mark.parametrize("damage", [(b"</Contents>", b""), (b"</Key>", b""), (b"<Is", b"\xff<Is")])
def test_a_page_that_is_no_xml_is_never_a_short_one(damage: tuple[bytes, bytes]) -> None:
    with pytest.raises(ServiceError):
        read_page(page(WRITTEN["in another order"]).replace(*damage))
    with pytest.raises(ServiceError):
        read_page(page(WRITTEN["usual"]).replace(*damage))
