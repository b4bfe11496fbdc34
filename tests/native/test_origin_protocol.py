"""What the origin answers: ranges, conditions, listings, parts, framings, and what it refuses."""

from __future__ import annotations

import http.client
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from awscrt.checksums import crc32c

from tests.native.origin_clients import BUCKET, PART_BYTES, boto, serving
from tests.servers import Origin, OriginOptions
from tests.servers.origin import UploadedObject

CONTENT = random.Random(0).randbytes(100_000)


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    """Uploads go to memory; the file ``bucket/file`` is there."""
    (tmp_path / BUCKET).mkdir()
    (tmp_path / BUCKET / "file").write_bytes(CONTENT)
    with serving(tmp_path, OriginOptions(sink="memory")) as origin:
        yield origin


@pytest.fixture
def client(origin: Origin) -> Any:
    return boto(origin)


def ask(
    origin: Origin, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, bytes, Any]:
    """One request of our own: status, body and headers. Underscores stand for dashes."""
    connection = http.client.HTTPConnection(origin.address, origin.port, timeout=20)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def failure(call: Any, **arguments: Any) -> tuple[int, str]:
    """Status and code of the error that a call of boto3 ends with."""
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as raised:
        call(Bucket=BUCKET, **arguments)
    answer = raised.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


@pytest.mark.parametrize("key", ["file", "uploaded"])
@pytest.mark.parametrize(
    ("header", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=99990-", 99_990, 100_000),
        ("bytes=-10", 99_990, 100_000),
        ("bytes=-200000", 0, 100_000),
        ("bytes=5-200000", 5, 100_000),
    ],
)
def test_a_range_is_answered_with_its_bytes_alone(
    origin: Origin, client: Any, key: str, header: str, first: int, end: int
) -> None:
    client.put_object(Bucket=BUCKET, Key="uploaded", Body=CONTENT)
    status, body, headers = ask(origin, "GET", f"/{BUCKET}/{key}", Range=header)
    assert (status, body) == (206, CONTENT[first:end])
    assert headers["Content-Range"] == f"bytes {first}-{end - 1}/100000"


def test_a_range_over_several_parts(client: Any) -> None:
    parts = [bytes([number]) * 1000 for number in (1, 2, 3)]
    _complete(client, "key", parts, [1, 2, 3])
    for first, last in ((999, 1000), (500, 2500), (2999, 2999), (1000, 1999)):
        got = client.get_object(Bucket=BUCKET, Key="key", Range=f"bytes={first}-{last}")
        assert got["Body"].read() == b"".join(parts)[first : last + 1]


@pytest.mark.parametrize("header", ["bytes=5-3", "bytes=a-b", "lines=1-2", "bytes=1-2,4-5"])
def test_a_range_that_makes_no_sense_is_ignored(origin: Origin, header: str) -> None:
    status, body, _ = ask(origin, "GET", f"/{BUCKET}/file", Range=header)
    assert (status, body) == (200, CONTENT)


def test_errors_have_the_codes_of_s3(client: Any) -> None:
    assert failure(client.get_object, Key="none") == (404, "NoSuchKey")
    assert failure(client.head_object, Key="none") == (404, "404")
    assert failure(client.get_object, Key="file", Range="bytes=100000-")[0] == 416
    assert failure(client.get_object, Key="file", IfMatch='"other"') == (412, "PreconditionFailed")
    assert failure(client.get_object_tagging, Key="file") == (501, "NotImplemented")
    source = {"Bucket": BUCKET, "Key": "file"}
    assert failure(client.copy_object, Key="copy", CopySource=source)[0] == 501


def test_conditions_of_reading(client: Any) -> None:
    tag = client.head_object(Bucket=BUCKET, Key="file")["ETag"]
    assert client.get_object(Bucket=BUCKET, Key="file", IfMatch=tag)["ETag"] == tag
    assert failure(client.get_object, Key="file", IfNoneMatch=tag) == (304, "304")


def test_a_tag_is_never_taken_for_an_md5(client: Any) -> None:
    for key in ("file", "uploaded"):
        client.put_object(Bucket=BUCKET, Key="uploaded", Body=b"x")
        tag = client.head_object(Bucket=BUCKET, Key=key)["ETag"]
        assert len(tag) == 36
        assert tag.endswith('-1"')


def test_every_upload_has_a_tag_of_its_own(client: Any) -> None:
    tags = {client.put_object(Bucket=BUCKET, Key="key", Body=b"x")["ETag"] for _ in range(5)}
    assert len(tags) == 5


@pytest.mark.parametrize("sink", ["nowhere", "memory", "directory"])
def test_a_taken_name_is_not_written_if_none_may_match(sink: Any, tmp_path: Path) -> None:
    with serving(tmp_path, OriginOptions(sink=sink)) as origin:
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


def test_names_may_not_climb_out_of_the_root(origin: Origin, tmp_path: Path) -> None:
    (tmp_path.parent / "secret").write_text("secret")
    for path in ("/bucket/../../secret", "/bucket/%2e%2e/%2e%2e/secret", "//etc/passwd", "/%2Fetc"):
        assert ask(origin, "GET", path)[0] == 400
    assert ask(origin, "GET", "/bucket/nul%00")[0] == 400
    assert ask(origin, "GET", "/bucket/percent%zz")[0] == 400
    assert ask(origin, "GET", "/bucket/a..b")[0] == 404


def test_metadata_comes_back(client: Any) -> None:
    client.put_object(
        Bucket=BUCKET, Key="key", Body=b"x", ContentType="text/plain", Metadata={"colour": "blue"}
    )
    seen = client.head_object(Bucket=BUCKET, Key="key")
    assert (seen["ContentType"], seen["Metadata"]) == ("text/plain", {"colour": "blue"})


def test_a_checksum_that_came_as_a_header_is_echoed(client: Any) -> None:
    answer = client.put_object(Bucket=BUCKET, Key="key", Body=b"x", ChecksumSHA256="AAAA")
    assert answer["ChecksumSHA256"] == "AAAA"


def test_what_is_removed_is_gone(client: Any) -> None:
    for key in ("a", "b & c", "d"):
        client.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    client.delete_object(Bucket=BUCKET, Key="a")
    client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "b & c"}]})
    found = client.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [entry["Key"] for entry in found] == ["d", "file"]


NAMES = ["a/1", "a/2", "a/b/3", "a b", "a&b<c>", "b/1", "c", "ü/é"]


def _listed(client: Any, operation: str, **arguments: Any) -> list[str]:
    """Keys and common prefixes of all pages."""
    pages = client.get_paginator(operation).paginate(Bucket=BUCKET, **arguments)
    return [
        name
        for page in pages
        for name in (
            *(entry["Key"] for entry in page.get("Contents", [])),
            *(entry["Prefix"] for entry in page.get("CommonPrefixes", [])),
        )
    ]


@pytest.mark.parametrize("page_keys", [1, 2, 3, 1000])
@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_a_listing_is_whole_whatever_its_pages(
    origin: Origin, client: Any, operation: str, page_keys: int
) -> None:
    for name in NAMES[::2]:
        client.put_object(Bucket=BUCKET, Key=name, Body=b"x")
    for name in NAMES[1::2]:
        path = origin.root / BUCKET / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    sizes = {"PaginationConfig": {"PageSize": page_keys}}
    everything = sorted([*NAMES, "file"], key=str.encode)
    assert _listed(client, operation, **sizes) == everything
    below = _listed(client, operation, Prefix="a/", **sizes)
    assert below == ["a/1", "a/2", "a/b/3"]
    top = _listed(client, operation, Delimiter="/", **sizes)
    assert sorted(top) == sorted(["a/", "a b", "a&b<c>", "b/", "c", "file", "ü/"])
    assert sorted(_listed(client, operation, Prefix="a/", Delimiter="/", **sizes)) == [
        "a/1",
        "a/2",
        "a/b/",
    ]


def test_a_listing_starts_after_a_key(client: Any) -> None:
    for name in ("a", "b", "c"):
        client.put_object(Bucket=BUCKET, Key=name, Body=b"x")
    assert _listed(client, "list_objects_v2", StartAfter="a") == ["b", "c", "file"]


def test_a_bucket_exists_once_it_is_made(client: Any) -> None:
    with pytest.raises(client.exceptions.NoSuchBucket):
        client.list_objects_v2(Bucket="another")
    client.create_bucket(Bucket="another")
    assert client.list_objects_v2(Bucket="another")["KeyCount"] == 0
    assert client.head_bucket(Bucket="another")["ResponseMetadata"]["HTTPStatusCode"] == 200


def _complete(client: Any, key: str, parts: list[bytes], order: list[int]) -> None:
    """Upload parts in an order, the first of it twice, and complete them by number."""
    upload = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    tags = {}
    for number in [order[0], *order]:
        body = parts[number - 1]
        tags[number] = client.upload_part(
            Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number, Body=body
        )["ETag"]
    listed = [{"PartNumber": number, "ETag": tags[number]} for number in sorted(tags)]
    client.complete_multipart_upload(
        Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": listed}
    )


@pytest.mark.parametrize("sink", ["memory", "directory"])
def test_parts_may_come_in_any_order_and_twice(sink: Any, tmp_path: Path) -> None:
    parts = [random.Random(number).randbytes(PART_BYTES + number) for number in (1, 2, 3)]
    whole = b"".join(parts)
    with serving(tmp_path, OriginOptions(sink=sink)) as origin:
        client = boto(origin)
        _complete(client, "key", parts, [3, 1, 2])
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


def test_a_connection_serves_on_after_an_error_with_a_body(origin: Origin) -> None:
    connection = http.client.HTTPConnection(origin.address, origin.port, timeout=20)
    for _ in range(3):
        connection.request("PUT", f"/{BUCKET}/key?uploadId=none&partNumber=1", CONTENT)
        answer = connection.getresponse()
        assert (answer.status, b"NoSuchUpload" in answer.read()) == (404, True)
    connection.close()
    assert origin.counters().connections == 1


def test_nowhere_keeps_small_objects_and_the_measures_of_large_ones(tmp_path: Path) -> None:
    small, large = CONTENT, random.Random(1).randbytes(3 << 20)
    with serving(tmp_path, OriginOptions()) as origin:
        client = boto(origin)
        client.put_object(Bucket=BUCKET, Key="small", Body=small)
        client.put_object(Bucket=BUCKET, Key="large", Body=large)
        _complete(client, "parts", [CONTENT, large], [2, 1])
        _complete(client, "small parts", [b"one", b"two"], [1, 2])
        assert client.get_object(Bucket=BUCKET, Key="small")["Body"].read() == small
        assert client.get_object(Bucket=BUCKET, Key="small parts")["Body"].read() == b"onetwo"
        assert client.head_object(Bucket=BUCKET, Key="large")["ContentLength"] == len(large)
        assert failure(client.get_object, Key="large") == (500, "InternalError")
        assert failure(client.get_object, Key="parts") == (500, "InternalError")
        taken = origin.objects()
    assert taken[f"{BUCKET}/large"] == UploadedObject(len(large), crc32c(large))
    both = CONTENT + large
    assert taken[f"{BUCKET}/parts"] == UploadedObject(len(both), crc32c(both))


def test_counters_tell_what_was_done_and_start_again(origin: Origin, client: Any) -> None:
    client.put_object(Bucket=BUCKET, Key='a "quoted" \\ key', Body=b"12345")
    client.get_object(Bucket=BUCKET, Key="file")["Body"].read()
    client.head_object(Bucket=BUCKET, Key="file")
    failure(client.get_object, Key="none")
    counters = origin.counters()
    assert counters.requests == {"GET": 2, "HEAD": 1, "PUT": 1, "POST": 0, "DELETE": 0}
    assert (counters.requests_total, counters.errors) == (4, 1)
    assert (counters.bytes_sent, counters.bytes_received) == (len(CONTENT), 5)
    assert counters.peak_requests_in_flight == 1
    assert list(origin.objects()) == [f'{BUCKET}/a "quoted" \\ key']
    origin.clear()
    assert origin.objects() == {}
    assert origin.counters().requests_total == 0
    assert failure(client.get_object, Key='a "quoted" \\ key') == (404, "NoSuchKey")
