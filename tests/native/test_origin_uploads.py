"""What the origin takes: parts, framings, conditions of writing, and what it keeps of them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from awscrt.checksums import crc32c

from tests.native.origin_calls import CONTENT, ask, failure, upload_in_parts
from tests.native.origin_clients import BUCKET, PART_BYTES, boto, serving_origin
from tests.servers import Origin, OriginOptions
from tests.servers.origin import UploadedObject


@pytest.mark.parametrize("sink", ["memory", "directory"])
def test_parts_may_come_in_any_order_and_twice(sink: Any, tmp_path: Path) -> None:
    parts = [random.Random(number).randbytes(PART_BYTES + number) for number in (1, 2, 3)]
    whole = b"".join(parts)
    with serving_origin(tmp_path, OriginOptions(sink=sink)) as origin:
        client = boto(origin)
        upload_in_parts(client, "key", parts, [3, 1, 2])
        assert client.get_object(Bucket=BUCKET, Key="key")["Body"].read() == whole
        assert origin.objects() == {f"{BUCKET}/key": UploadedObject(len(whole), crc32c(whole))}
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == ({"key"} if sink == "directory" else set())


def test_a_completion_that_lists_wrong_parts_is_refused_and_may_be_repeated(client: Any) -> None:
    upload = client.create_multipart_upload(Bucket=BUCKET, Key="key")["UploadId"]
    named = {"Key": "key", "UploadId": upload}
    tags = [
        client.upload_part(Bucket=BUCKET, PartNumber=number, Body=b"x", **named)["ETag"]
        for number in (1, 2)
    ]
    one, two = ({"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1))

    def complete(*parts: dict[str, Any]) -> Any:
        return failure(
            client.complete_multipart_upload, MultipartUpload={"Parts": list(parts)}, **named
        )

    assert complete(two, one) == (400, "InvalidPartOrder")
    assert complete(one, {"PartNumber": 3, "ETag": tags[0]}) == (400, "InvalidPart")
    assert complete({"PartNumber": 1, "ETag": tags[1]}) == (400, "InvalidPart")
    client.complete_multipart_upload(Bucket=BUCKET, MultipartUpload={"Parts": [one, two]}, **named)
    assert client.head_object(Bucket=BUCKET, Key="key")["ContentLength"] == 2
    assert complete(one, two) == (404, "NoSuchUpload")


def test_an_aborted_upload_takes_no_more_parts(client: Any) -> None:
    upload = client.create_multipart_upload(Bucket=BUCKET, Key="key")["UploadId"]
    named = {"Key": "key", "UploadId": upload}
    client.abort_multipart_upload(Bucket=BUCKET, **named)
    refused = failure(client.upload_part, PartNumber=1, Body=b"x", **named)
    assert refused == (404, "NoSuchUpload")


def _chunks(content: bytes, *, signed: bool, trailer: str) -> bytes:
    """As S3's clients frame a body that they sign or checksum while they send it."""
    signature = ";chunk-signature=" + 64 * "0" if signed else ""
    cut = [content[start : start + 65_536] for start in range(0, len(content), 65_536)]
    framed = b"".join(b"%x%b\r\n%b\r\n" % (len(c), signature.encode(), c) for c in cut)
    return framed + f"0{signature}\r\n{trailer}\r\n".encode()


@pytest.mark.parametrize("trailer", ["", "x-amz-checksum-crc32c:AAAAAA==\r\n"])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("transfer", [True, False])
@pytest.mark.parametrize("size", [0, 1, 65_536, 100_000])
def test_chunks_of_s3_are_taken_apart(
    origin: Origin, size: int, transfer: bool, signed: bool, trailer: str
) -> None:
    content = CONTENT[:size]
    framed = _chunks(content, signed=signed, trailer=trailer)
    # An iterable goes out in chunks of HTTP around those of S3.
    body = (framed[at : at + 30_001] for at in range(0, len(framed), 30_001))
    status, _, _ = ask(
        origin,
        "PUT",
        f"/{BUCKET}/key",
        body if transfer else framed,
        Content_Encoding="aws-chunked",
        x_amz_decoded_content_length=str(size),
    )
    assert status == 200
    assert origin.objects()[f"{BUCKET}/key"] == UploadedObject(size, crc32c(content))
    _, got, headers = ask(origin, "GET", f"/{BUCKET}/key")
    assert got == content
    assert headers["Content-Encoding"] is None


@pytest.mark.parametrize("wrong_by", [-1, 1])
def test_chunks_of_another_size_than_was_announced_are_refused(
    origin: Origin, wrong_by: int
) -> None:
    status, body, _ = ask(
        origin,
        "PUT",
        f"/{BUCKET}/key",
        _chunks(CONTENT, signed=False, trailer=""),
        Content_Encoding="aws-chunked",
        x_amz_decoded_content_length=str(len(CONTENT) + wrong_by),
    )
    assert status == 400
    assert b"IncompleteBody" in body
    assert origin.objects() == {}


@pytest.mark.parametrize("sink", ["nowhere", "memory", "directory"])
def test_a_taken_name_is_not_written_if_none_may_match(sink: Any, tmp_path: Path) -> None:
    with serving_origin(tmp_path, OriginOptions(sink=sink)) as origin:
        client = boto(origin)
        client.put_object(Bucket=BUCKET, Key="key", Body=b"first", IfNoneMatch="*")
        refused = failure(client.put_object, Key="key", Body=b"second", IfNoneMatch="*")
        assert refused == (412, "PreconditionFailed")
        assert _complete_failure(client, "key", IfNoneMatch="*") == (412, "PreconditionFailed")
        assert client.get_object(Bucket=BUCKET, Key="key")["Body"].read() == b"first"


def _complete_failure(client: Any, key: str, **condition: str) -> tuple[int, str]:
    upload = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    tag = client.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=b"other")[
        "ETag"
    ]
    parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
    return failure(
        client.complete_multipart_upload,
        Key=key,
        UploadId=upload,
        MultipartUpload=parts,
        **condition,
    )


def test_nowhere_keeps_small_objects_and_the_measures_of_large_ones(tmp_path: Path) -> None:
    small, large = CONTENT, random.Random(1).randbytes(3 << 20)
    with serving_origin(tmp_path, OriginOptions()) as origin:
        client = boto(origin)
        client.put_object(Bucket=BUCKET, Key="small", Body=small)
        client.put_object(Bucket=BUCKET, Key="large", Body=large)
        upload_in_parts(client, "parts", [CONTENT, large], [2, 1])
        upload_in_parts(client, "small parts", [b"one", b"two"], [1, 2])
        assert client.get_object(Bucket=BUCKET, Key="small")["Body"].read() == small
        assert client.get_object(Bucket=BUCKET, Key="small parts")["Body"].read() == b"onetwo"
        assert client.head_object(Bucket=BUCKET, Key="large")["ContentLength"] == len(large)
        assert failure(client.get_object, Key="large") == (500, "InternalError")
        assert failure(client.get_object, Key="parts") == (500, "InternalError")
        taken = origin.objects()
    assert taken[f"{BUCKET}/large"] == UploadedObject(len(large), crc32c(large))
    both = CONTENT + large
    assert taken[f"{BUCKET}/parts"] == UploadedObject(len(both), crc32c(both))
