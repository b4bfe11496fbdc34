"""Multipart: what the answers about uploads and parts say, as services write them."""

from __future__ import annotations

import pytest

from s3lo.errors import ServiceError
from s3lo.model import multipart
from s3lo.model.multipart import OpenUpload, StoredPart

UPLOADS = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Bucket>b</Bucket><Prefix>blobs/a</Prefix><IsTruncated>false</IsTruncated>
  <Upload><Key>blobs/a</Key><UploadId>one&amp;</UploadId>
    <StorageClass>INTELLIGENT_TIERING</StorageClass><Initiated>2026-01-02T03:04:05.000Z</Initiated>
    <ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType></Upload>
  <Upload><Key>blobs/ab</Key><UploadId>another key</UploadId></Upload>
</ListMultipartUploadsResult>"""
BARE = (
    b"<ListMultipartUploadsResult><Upload><Key>blobs/a</Key><UploadId>two</UploadId>"
    b"<Initiated>then</Initiated></Upload></ListMultipartUploadsResult>"
)
PARTS = b"""<ListPartsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <IsTruncated>%s</IsTruncated><NextPartNumberMarker>7</NextPartNumberMarker>
  <Part><PartNumber>3</PartNumber><ETag>&quot;e&quot;</ETag><Size>5</Size>
    <ChecksumCRC64NVME>sum</ChecksumCRC64NVME></Part>
  <Part><PartNumber>7</PartNumber><ETag>"f"</ETag><Size>6</Size></Part>
</ListPartsResult>"""


def test_uploads_are_those_of_one_key_with_what_the_service_says_of_them() -> None:
    when = "2026-01-02T03:04:05.000Z"
    full = OpenUpload("one&", when, "CRC64NVME", "INTELLIGENT_TIERING")
    assert multipart.read_uploads(UPLOADS, "blobs/a") == (full,)
    assert multipart.read_uploads(BARE, "blobs/a") == (OpenUpload("two", "then"),)


@pytest.mark.parametrize(("is_cut", "after"), [(b"true", 7), (b"false", 0)])
def test_parts_come_with_where_the_next_of_them_begin(is_cut: bytes, after: int) -> None:
    parts = (StoredPart(3, '"e"', "sum", 5), StoredPart(7, '"f"', "", 6))
    assert multipart.read_parts(PARTS % is_cut) == (parts, after)


@pytest.mark.parametrize("answer", [b"", b"<html></html>", PARTS.replace(b"<Size>5<", b"<Size>?<")])
def test_an_answer_that_is_no_list_is_an_error_of_the_service(answer: bytes) -> None:
    with pytest.raises(ServiceError):
        multipart.read_parts(answer)


def test_requests_name_the_key_and_where_to_go_on() -> None:
    assert multipart.list_uploads("blobs/a").query_string == "prefix=blobs%2Fa&uploads="
    assert multipart.list_parts("k", "u").query_string == "uploadId=u"
    assert multipart.list_parts("k", "u", 7).query_string == "part-number-marker=7&uploadId=u"
