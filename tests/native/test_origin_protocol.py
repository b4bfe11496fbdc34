"""What the origin answers: ranges, conditions, listings, parts, framings, and what it refuses."""

from __future__ import annotations

import http.client
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.native.origin_calls import CONTENT, ask, failure, upload_in_parts
from tests.native.origin_clients import BUCKET
from tests.servers import Origin


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
    upload_in_parts(client, "key", parts, [1, 2, 3])
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


@pytest.mark.parametrize("path", [f"/{BUCKET}/file", f"/{BUCKET}", f"/{BUCKET}/none"])
def test_every_answer_says_what_time_it_is(origin: Origin, path: str) -> None:
    _, _, headers = ask(origin, "HEAD", path)
    assert abs(parsedate_to_datetime(headers["Date"]).timestamp() - time.time()) < 10


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


def test_a_connection_serves_on_after_an_error_with_a_body(origin: Origin) -> None:
    connection = http.client.HTTPConnection(origin.address, origin.port, timeout=20)
    for _ in range(3):
        connection.request("PUT", f"/{BUCKET}/key?uploadId=none&partNumber=1", CONTENT)
        answer = connection.getresponse()
        assert (answer.status, b"NoSuchUpload" in answer.read()) == (404, True)
    connection.close()
    assert origin.counters().connections == 1


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
