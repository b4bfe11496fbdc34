"""clean where things go wrong: refused, throttled, killed, and beside pushes that are slow."""

from __future__ import annotations

import json
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import s3lo as library
from s3lo.bucket.keys import CLEANING_KEY
from s3lo.errors import ThrottledError
from tests.faults.command import Commands
from tests.faults.images import Bucket, Layout, key_of, make_layout
from tests.servers import Unruly
from tests.servers.unruly import Answer, Exchange, Gate, delaying, refusing, slow_down

NOW = ("--confirm", "--grace", "0s")
TAG = ("manifest.json", "oci-layout")
BATCH = b"<Error><Key>%s</Key><Code>AccessDenied</Code><Message>No.</Message></Error>"


def test_one_prefix_that_is_denied_lets_nothing_go(
    s3lo: Commands, unruly: Unruly, empty: Bucket, small: Layout
) -> None:
    empty.fill(small)
    empty.put(key_of("sha256:" + "0" * 64), b"garbage")
    before = empty.keys()
    unruly.when("GET", "prefix=blobs%2Fsha256%2F", refusing(403, "AccessDenied"))
    s3lo.run("clean", f"s3://{empty.name}/", *NOW).fails(4, "while cleaning", empty.name)
    assert empty.keys() == before


@pytest.mark.usefixtures("hurried")
def test_a_service_that_throttles_for_ever_lets_nothing_go(
    unruly: Unruly, empty: Bucket, small: Layout
) -> None:
    empty.fill(small)
    empty.put(key_of("sha256:" + "0" * 64), b"garbage")
    before = empty.keys()
    unruly.when("GET", "prefix=blobs%2Fsha256%2F", slow_down)
    with pytest.raises(ThrottledError, match="throttling") as caught:
        library.clean(f"s3://{empty.name}/", confirm=True, grace_seconds=0)
    assert caught.value.exit_code == 7
    assert empty.keys() == before


def test_a_key_that_may_not_be_deleted_is_named_and_the_others_go(
    s3lo: Commands, unruly: Unruly, empty: Bucket, small: Layout
) -> None:
    empty.fill(small)
    kept, gone = (key_of("sha256:" + digit * 64) for digit in "01")
    for key in (kept, gone):
        empty.put(key, b"garbage")

    def refuse_one(exchange: Exchange) -> None:
        if kept.encode() not in exchange.body:
            exchange.reply(exchange.forward())
            return
        empty.delete(gone)
        body = b"<DeleteResult>" + BATCH % kept.encode() + b"</DeleteResult>"
        exchange.reply(Answer(200, (("Content-Length", str(len(body))),), body))

    unruly.when("POST", "delete", refuse_one)
    ran = s3lo.run("clean", f"s3://{empty.name}/", *NOW, "-o", "json")
    assert ran.status == 1
    assert kept in ran.stderr
    document: dict[str, Any] = json.loads(ran.stdout)
    assert document["blobs_deleted"] == 1
    assert [error.partition(":")[0] for error in document["errors"]] == [kept]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_clean_that_is_ended_leaves_a_bucket_that_the_next_one_cleans(
    s3lo: Commands, unruly: Unruly, empty: Bucket, small: Layout, number: int, tmp_path: Path
) -> None:
    old = make_layout(tmp_path, (40_000, 30_000), seed=7)
    empty.fill(old, "v1")
    time.sleep(1.1)
    empty.fill(small, "v2")
    empty.put("s3lo.yaml", b"default: {lifecycle: {keep_last: 1}}")
    empty.put(key_of("sha256:" + "0" * 64), b"garbage")
    gate = Gate()
    unruly.when("POST", "delete", gate, times=1)
    clean = s3lo.start("clean", f"s3://{empty.name}/", *NOW)
    gate.wait_for(1)
    assert CLEANING_KEY in sorted(empty.keys())
    clean.signal(number)
    assert clean.wait().status == (-9 if number == signal.SIGKILL else 143)
    gate.open()
    if number == signal.SIGTERM:
        assert CLEANING_KEY not in sorted(empty.keys())
    empty.delete(CLEANING_KEY)  # else the next one waits for half a minute
    done = s3lo.run("clean", f"s3://{empty.name}/", *NOW, "-o", "json").result
    assert done["errors"] == []
    empty.check_whole(small, "v2")
    kept = {*map(key_of, small.blobs), "s3lo.yaml"}
    assert empty.keys() == kept | {f"manifests/app/v2/{name}" for name in TAG}


@pytest.mark.usefixtures("aws_env")
def test_pushes_and_cleans_beside_each_other_over_a_slow_service(
    unruly: Unruly, empty: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Layers that tags come and go with, a grace period that pushes take longer than."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", unruly.url)
    source = random.Random(5)
    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        unruly.when(method, f"/{empty.name}", delaying(lambda: source.random() * 0.03))
    layouts = [make_layout(tmp_path, (20_000, 10_000), seed=number) for number in range(3)]
    bucket = f"s3://{empty.name}/"

    def pushes(number: int) -> None:
        for turn in range(4):
            layout = layouts[(number + turn) % 3]
            library.push(f"oci:{layout.path}", f"{bucket}app:v{number}-{turn}")
            check_tag(empty, f"v{number}-{turn}")
            library.delete(f"{bucket}app:v{number}-{turn}")

    def cleans(grace_seconds: float) -> None:
        while not pushed.is_set():
            assert not library.clean(bucket, confirm=True, grace_seconds=grace_seconds).errors

    pushed = Event()
    with ThreadPoolExecutor(4) as pool:
        cleaning = [pool.submit(cleans, grace) for grace in (0.0, 1.0)]
        pushing = [pool.submit(pushes, number) for number in range(2)]
        try:
            for each in pushing:
                each.result()
        finally:
            pushed.set()
        for each in cleaning:
            each.result()
    library.clean(bucket, confirm=True, grace_seconds=0.0)
    assert empty.keys() == set()


def check_tag(bucket: Bucket, tag: str) -> None:
    assert bucket.get(f"manifests/app/{tag}/manifest.json")
    document = json.loads(bucket.get(f"manifests/app/{tag}/manifest.json"))
    for blob in (document["config"], *document["layers"]):
        assert bucket.get(key_of(blob["digest"])), "a tag that can be seen lacks a blob"
