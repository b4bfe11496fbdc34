"""What the origin copies by itself: the same bytes, counted as what they are."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from awscrt.checksums import crc32c

from tests.native.origin_calls import CONTENT, failure
from tests.native.origin_clients import BUCKET, PART_BYTES, boto, serving_origin
from tests.servers import Origin, OriginOptions
from tests.servers.origin import UploadedObject

FILE = {"Bucket": BUCKET, "Key": "file"}
LARGE = random.Random(1).randbytes(2 * PART_BYTES + 1000)


@pytest.mark.parametrize("sink", ["memory", "directory"])
def test_copies_have_the_bytes_of_their_source(sink: Any, tmp_path: Path) -> None:
    """boto3 copies the large one in parts of its own choosing."""
    from boto3.s3.transfer import TransferConfig

    in_parts = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES)
    with serving_origin(tmp_path, OriginOptions(sink=sink)) as origin:
        client = boto(origin)
        client.put_object(Bucket=BUCKET, Key="small file+", Body=CONTENT, ContentType="text/x")
        client.put_object(Bucket=BUCKET, Key="large", Body=LARGE)
        before = origin.counters()
        client.copy_object(
            Bucket="other", Key="small", CopySource={"Bucket": BUCKET, "Key": "small file+"}
        )
        client.copy({"Bucket": BUCKET, "Key": "large"}, "other", "large", Config=in_parts)
        after = origin.counters()
        assert after.copies - before.copies == 4
        assert after.bytes_copied - before.bytes_copied == len(CONTENT) + len(LARGE)
        assert after.bytes_sent == before.bytes_sent
        assert after.bytes_received == before.bytes_received
        small = client.get_object(Bucket="other", Key="small")
        assert small["Body"].read() == CONTENT
        assert small["ContentType"] == "text/x"
        assert client.get_object(Bucket="other", Key="large")["Body"].read() == LARGE
        assert origin.objects()["other/large"] == UploadedObject(len(LARGE), crc32c(LARGE))
        assert after.open_uploads == 0


def test_an_uploaded_object_in_parts_is_copied_across_them(client: Any) -> None:
    upload = client.create_multipart_upload(Bucket=BUCKET, Key="key")["UploadId"]
    named = {"Bucket": BUCKET, "Key": "key", "UploadId": upload}
    stretches = {1: "bytes=10-99", 2: "bytes=0-9", 3: "bytes=99999-99999"}
    parts = [
        {
            "PartNumber": number,
            "ETag": client.upload_part_copy(
                PartNumber=number, CopySource=FILE, CopySourceRange=stretch, **named
            )["CopyPartResult"]["ETag"],
        }
        for number, stretch in stretches.items()
    ]
    client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **named)
    client.copy_object(Bucket=BUCKET, Key="again", CopySource={"Bucket": BUCKET, "Key": "key"})
    wanted = CONTENT[10:100] + CONTENT[:10] + CONTENT[-1:]
    assert client.get_object(Bucket=BUCKET, Key="again")["Body"].read() == wanted


def test_what_cannot_be_copied_is_said_as_s3_says_it(client: Any) -> None:
    copy = client.copy_object
    missing = {"Bucket": BUCKET, "Key": "missing"}
    assert failure(copy, Key="key", CopySource=missing) == (404, "NoSuchKey")
    changed = failure(copy, Key="key", CopySource=FILE, CopySourceIfMatch='"other"')
    assert changed == (412, "PreconditionFailed")
    taken = failure(copy, Key="file", CopySource=FILE, IfNoneMatch="*")
    assert taken == (412, "PreconditionFailed")
    etag = client.head_object(**FILE)["ETag"]
    copy(Bucket=BUCKET, Key="key", CopySource=FILE, CopySourceIfMatch=etag, IfNoneMatch="*")
    part = {"Key": "key", "PartNumber": 1, "CopySource": FILE}
    assert failure(client.upload_part_copy, UploadId="no", **part) == (404, "NoSuchUpload")


def test_open_uploads_are_counted(client: Any, origin: Origin) -> None:
    first, second, _ = (
        client.create_multipart_upload(Bucket=BUCKET, Key="key")["UploadId"] for _ in range(3)
    )
    assert origin.counters().open_uploads == 3
    client.abort_multipart_upload(Bucket=BUCKET, Key="key", UploadId=first)
    named = {"Bucket": BUCKET, "Key": "key", "UploadId": second}
    part = client.upload_part_copy(PartNumber=1, CopySource=FILE, **named)["CopyPartResult"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(MultipartUpload=parts, **named)
    assert origin.counters().open_uploads == 1
    origin.clear()
    assert origin.counters().open_uploads == 0
