"""doctor where something is refused: a finding each, and the rest is checked all the same."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.command import Commands, Ended
from tests.faults.images import Bucket, Layout, fill_local, key_of
from tests.faults.test_refusals import WRONG_CREDENTIALS
from tests.native.origin_clients import serving_origin
from tests.servers import OriginOptions, Unruly
from tests.servers.unruly import (
    Answer,
    Exchange,
    Gate,
    refusing,
    reset_midway,
    slow_down,
    stall,
    wrong_byte_back,
)

DENIED = refusing(403, "AccessDenied")


@pytest.fixture
def bucket_url(empty: Bucket, small: Layout) -> str:
    """Of a bucket that is well."""
    empty.fill(small)
    return f"s3://{empty.name}/"


def _checks(ended: Ended) -> dict[str, Any]:
    assert ended.status in (0, 1), ended
    document = json.loads(ended.stdout)
    assert document["healthy"] is (ended.status == 0)
    return {check["name"]: check for check in document["checks"]}


def _failed(ended: Ended) -> list[str]:
    return [name for name, check in _checks(ended).items() if check["status"] == "failed"]


def test_who_may_only_read_has_a_healthy_bucket(
    s3lo: Commands, unruly: Unruly, empty: Bucket, bucket_url: str
) -> None:
    before = empty.keys()
    for method in ("PUT", "POST", "DELETE"):
        unruly.when(method, "/", DENIED)
    unruly.when("GET", "uploads=", DENIED)
    ended = s3lo.run("doctor", bucket_url, "--deep", "-o", "json")
    assert ended.status == 0, ended
    found = _checks(ended)
    assert found["access"]["status"] == "denied"
    assert "write denied, delete denied" in found["access"]["detail"]
    assert found["uploads"]["status"] == "denied"
    assert empty.keys() == before


def test_a_probe_leaves_nothing_where_conditions_are_not_known(
    s3lo: Commands, unruly: Unruly, empty: Bucket, bucket_url: str
) -> None:
    before = empty.keys()

    def unconditional(exchange: Exchange) -> None:
        assert not exchange.path.rstrip("/").endswith("manifest.json")
        # The signature covers the condition: it is stored by a client that asks for none.
        key = exchange.path.partition(f"/{empty.name}/")[2]
        empty.put(key, exchange.body)
        exchange.reply(Answer(200, (("ETag", '"x"'), ("Content-Length", "0")), b""))

    rule = unruly.when("PUT", "/blobs/sha256/", unconditional)
    ended = s3lo.run("doctor", bucket_url, "-o", "json")
    assert rule.befallen == 1
    assert "write allowed" in _checks(ended)["access"]["detail"]
    assert empty.keys() == before


@pytest.mark.parametrize(
    ("method", "part", "failed"),
    [
        ("GET", "prefix=blobs%2Fsha256", ["access", "closure", "orphans", "storage"]),
        ("GET", "prefix=manifests", ["access", "tags", "closure", "orphans"]),
        ("GET", "prefix=&", []),
        ("GET", "prefix=recipes%2Fsha256", []),
        ("GET", "/s3lo.yaml", ["rules"]),
        ("GET", "/manifests/app/v1/manifest.json", ["tags"]),
        ("HEAD", "/", []),
    ],
)
def test_access_that_is_denied_to_a_part_hides_no_other(
    s3lo: Commands, unruly: Unruly, bucket_url: str, method: str, part: str, failed: list[str]
) -> None:
    rule = unruly.when(method, part, DENIED)
    ended = s3lo.run("doctor", bucket_url, "-o", "json")
    assert rule.befallen or method == "HEAD"
    assert _failed(ended) == failed


def test_where_nothing_may_be_read_the_error_is_told(
    s3lo: Commands, unruly: Unruly, bucket_url: str
) -> None:
    for wrong in WRONG_CREDENTIALS:
        s3lo.run("doctor", bucket_url, **wrong).fails(4, bucket_url, "denies access")
    for method in ("GET", "HEAD"):
        unruly.when(method, "/", DENIED)
    s3lo.run("doctor", bucket_url).fails(4, bucket_url, "denies access")


def test_a_bucket_that_is_not_there_is_not_found(s3lo: Commands) -> None:
    s3lo.run("doctor", "s3://no-such-bucket-here/").fails(3, "no such bucket")


def test_a_manifest_that_the_service_never_delivers_hides_no_other(
    s3lo: Commands, unruly: Unruly, empty: Bucket, small: Layout, bucket_url: str
) -> None:
    empty.fill(small, "v2")
    rule = unruly.when("GET", "/manifests/app/v2/manifest.json", refusing(500, "InternalError"))
    found = _checks(s3lo.run("doctor", bucket_url, "-o", "json"))
    assert rule.befallen > 1
    assert [finding["subject"] for finding in found["tags"]["findings"]] == ["app:v2"]
    assert found["closure"]["status"] == "ok"


@pytest.mark.parametrize("fault", [slow_down, reset_midway, stall, wrong_byte_back])
@pytest.mark.parametrize("processes", ["0", "2"])
def test_what_passes_is_no_damage(
    s3lo: Commands,
    unruly: Unruly,
    stored: Bucket,
    large: Layout,
    fault: Any,
    processes: str,
) -> None:
    times = 1 if fault is wrong_byte_back else 3
    rule = unruly.when("GET", key_of(large.largest), fault, after=1, times=times)
    options = ("--deep", "--processes", processes, "--part-size", "1MiB", "-o", "json")
    ended = s3lo.run("doctor", f"s3://{stored.name}/", *options)
    assert ended.status == 0, ended
    assert rule.befallen == times


def test_a_wrong_byte_in_the_store_is_found_and_the_rest_is_read(
    s3lo: Commands, empty: Bucket, small: Layout, bucket_url: str
) -> None:
    content = small.blob(small.largest)
    empty.put(key_of(small.largest), content[:-1] + bytes([content[-1] ^ 1]))
    ended = s3lo.run("doctor", bucket_url, "--deep")
    assert ended.status == 1
    rows = [line.split("\t") for line in ended.stdout.splitlines()]
    [row] = [row for row in rows if row[:2] == ["content", "finding"]]
    assert row[2] == small.largest
    assert row[4:] == ["app:v1", f"s3lo push --force SOURCE {bucket_url}app:v1"]
    empty.put(key_of(small.largest), content)
    assert s3lo.run("doctor", bucket_url, "--deep").status == 0


def test_the_push_that_is_named_mends_it(
    s3lo: Commands, empty: Bucket, small: Layout, bucket_url: str
) -> None:
    empty.put(key_of(small.largest), b"?")
    empty.delete(key_of(small.blobs[0]))
    found = _checks(s3lo.run("doctor", bucket_url, "-o", "json"))
    [mend] = {finding["mend"] for finding in found["closure"]["findings"]}
    command = mend.replace("SOURCE", f"oci:{small.path}").split()[1:]
    assert s3lo.run(*command).status == 0
    assert s3lo.run("doctor", bucket_url, "--deep").status == 0


def test_unfinished_uploads_are_counted(s3lo: Commands, empty: Bucket, bucket_url: str) -> None:
    empty.leave_upload("blobs/sha256/" + 64 * "0", {1: b"part"})
    empty.leave_upload("elsewhere", {1: b"part"})
    found = _checks(s3lo.run("doctor", bucket_url, "-o", "json"))["uploads"]
    assert found["status"] == "ok"
    assert found["figures"] == {"uploads": 1, "old": 0, "foreign": 1}


def test_a_worker_that_is_killed_costs_what_it_had_read(
    s3lo: Commands, unruly: Unruly, stored: Bucket, large: Layout
) -> None:
    gate = Gate()
    unruly.when("GET", key_of(large.largest), gate, after=4)
    options = ("--deep", "--processes", "2", "--part-size", "1MiB", "-o", "json")
    running = s3lo.start("doctor", f"s3://{stored.name}/", *options)
    gate.wait_for(1)
    workers = running.workers()
    assert len(workers) == 2
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    time.sleep(0.2)
    gate.open()
    ended = running.wait()
    assert ended.status == 0, ended
    assert _checks(ended)["content"]["figures"]["damaged"] == 0


def test_an_interrupted_reading_ends_at_once_with_one_line(
    s3lo: Commands, unruly: Unruly, stored: Bucket, large: Layout
) -> None:
    gate = Gate()
    unruly.when("GET", key_of(large.largest), gate)
    running = s3lo.start("doctor", f"s3://{stored.name}/", "--deep")
    gate.wait_for(1)
    running.signal(signal.SIGINT)
    running.wait(20).fails(130, "interrupted")


@pytest.mark.parametrize("damaged", [False, True])
def test_a_service_that_refuses_and_resets_is_read_to_the_end(
    s3lo: Commands, large: Layout, tmp_path: Path, damaged: bool
) -> None:
    fill_local(tmp_path / "bucket", large)
    blob = tmp_path / "bucket" / key_of(large.largest)
    if damaged:
        blob.write_bytes(bytes(blob.stat().st_size))
    options = OriginOptions(refused_share=0.2, reset_share=0.05, sink="memory")
    with serving_origin(tmp_path, options) as origin:
        ended = s3lo.run(
            *("doctor", "s3://bucket/", "--deep", "--part-size", "256KiB", "-o", "json"),
            AWS_ENDPOINT_URL=origin.url,
        )
        counted = origin.counters()
    assert counted.refused
    assert counted.resets
    found = _checks(ended)
    assert _failed(ended) == (["content"] if damaged else [])
    assert [f["subject"] for f in found["content"]["findings"]] == [large.largest] * damaged
