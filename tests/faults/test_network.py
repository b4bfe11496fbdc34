"""A network and a service that fail in passing, or for good: 503, resets, short bodies, silence."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import s3lo as library
from s3lo import EngineOptions, backoff
from s3lo.backoff import ATTEMPTS
from s3lo.engine import coordinator
from s3lo.errors import ServiceError, ThrottledError
from s3lo.events import BytesMoved, Event
from tests.faults.command import Commands
from tests.faults.images import Bucket, Layout, check_layout, names_in
from tests.servers import Unruly
from tests.servers.unruly import (
    Fault,
    end_early,
    lose_answer,
    never_answer,
    reset,
    reset_midway,
    slow_down,
    stall,
)

METHODS = ("GET", "HEAD", "PUT", "POST")
PULL_PARTS = ("--part-size", "1MiB", "-o", "json")
PUSH_PARTS = ("--part-size", "5MiB", "-o", "json")


@pytest.fixture
def impatient(hurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """With little patience with silence, too; not with less than a busy disk takes for a part.

    Tests of refusals once had 0.8 s of it as well: a part of 8 MiB took longer eight times.
    """
    del hurried
    monkeypatch.setattr(coordinator, "STALL_SECONDS", 2.0)
    monkeypatch.setattr(coordinator, "SLOWEST_BYTES_PER_SECOND", 1 << 40)


def test_a_pull_waits_out_a_burst_of_503(
    s3lo: Commands, unruly: Unruly, stored: Bucket, large: Layout, tmp_path: Path
) -> None:
    unruly.when("GET", "/blobs/", slow_down, times=8)
    target = tmp_path / "pulled"
    pulled = s3lo.run("pull", stored.reference(), "--to", f"oci:{target}", *PULL_PARTS)
    report = pulled.result["engine"]
    assert (report["throttled"], report["retries"]) == (8, 8)
    check_layout(target, large)


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_pull_lives_with_a_fifth_of_503(
    s3lo: Commands, unruly: Unruly, stored: Bucket, large: Layout, tmp_path: Path, processes: str
) -> None:
    for method in METHODS:
        unruly.when(method, "/", slow_down, every=5)
    target = tmp_path / "pulled"
    pulled = s3lo.run(
        *("pull", stored.reference(), "--to", f"oci:{target}", "--processes", processes),
        *PULL_PARTS,
    )
    report = pulled.result["engine"]
    assert report["throttled"] > 0
    assert report["retries"] > 0
    check_layout(target, large)


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_push_lives_with_a_fifth_of_503(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout, processes: str
) -> None:
    for method in METHODS:
        unruly.when(method, "/", slow_down, every=5)
    pushed = s3lo.run(
        *("push", f"oci:{large.path}", empty.reference(), "--processes", processes), *PUSH_PARTS
    )
    report = pushed.result["engine"]
    assert report["throttled"] > 0
    assert report["retries"] > 0
    empty.check_whole(large)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("part", ["/blobs/", "/manifests/"])
def test_a_pull_gives_up_a_service_that_stays_busy(
    unruly: Unruly, stored: Bucket, tmp_path: Path, part: str
) -> None:
    unruly.when("GET", part, slow_down)
    with pytest.raises(ThrottledError, match="throttling") as caught:
        library.pull(stored.reference(), to=f"oci:{tmp_path / 'pulled'}")
    assert caught.value.exit_code == 7
    assert "--target-gbps" in caught.value.hint
    assert names_in(tmp_path) == set()


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("part", ["partNumber=", "/manifests/"])
def test_a_push_gives_up_a_service_that_stays_busy(
    unruly: Unruly, empty: Bucket, large: Layout, tmp_path: Path, part: str
) -> None:
    unruly.when("PUT", part, slow_down)
    with pytest.raises(ThrottledError):
        library.push(f"oci:{large.path}", empty.reference(), tmpdir=tmp_path)
    assert names_in(tmp_path) == set()
    empty.check_untagged()


@pytest.mark.parametrize("fault", [reset, reset_midway, end_early, lose_answer])
def test_a_pull_survives_broken_connections(
    s3lo: Commands, unruly: Unruly, stored: Bucket, large: Layout, tmp_path: Path, fault: Fault
) -> None:
    unruly.when("GET", "/manifests/", fault, times=1)
    rule = unruly.when("GET", "/blobs/", fault, after=2, times=3)
    target = tmp_path / "pulled"
    pulled = s3lo.run("pull", stored.reference(), "--to", f"oci:{target}", *PULL_PARTS)
    assert rule.befallen == 3
    # A connection that served before and breaks at a request may be old: that one is made again unseen.
    is_seen = fault in (reset_midway, end_early)
    retries = pulled.result["engine"]["retries"]
    assert retries == 3 if is_seen else retries <= 3
    check_layout(target, large)


@pytest.mark.parametrize(
    ("method", "part"),
    [
        ("PUT", "partNumber="),
        ("PUT", "/blobs/"),
        ("POST", "uploadId="),
        ("PUT", "/manifest.json"),
        ("HEAD", "/blobs/"),
    ],
    ids=["part", "blob", "finish", "manifest", "look"],
)
@pytest.mark.parametrize("fault", [reset, lose_answer])
def test_a_push_survives_broken_connections(
    s3lo: Commands,
    unruly: Unruly,
    empty: Bucket,
    large: Layout,
    fault: Fault,
    method: str,
    part: str,
) -> None:
    rule = unruly.when(method, part, fault, times=2)
    pushed = s3lo.run("push", f"oci:{large.path}", empty.reference(), *PUSH_PARTS)
    assert pushed.status == 0, pushed
    assert rule.befallen == 2
    empty.check_whole(large)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("processes", [0, 2])
@pytest.mark.parametrize("fault", [stall, never_answer])
def test_a_part_that_stalls_is_given_up_and_asked_for_again(
    unruly: Unruly, stored: Bucket, large: Layout, tmp_path: Path, fault: Fault, processes: int
) -> None:
    unruly.when("GET", "/blobs/", fault, after=2, times=2)
    engine = EngineOptions(processes=processes, part_size_bytes=1 << 20)
    pulled = library.pull(stored.reference(), to=f"oci:{tmp_path / 'pulled'}", engine=engine)
    assert pulled.engine.retries >= 2
    check_layout(tmp_path / "pulled", large)


@pytest.mark.usefixtures("impatient")
def test_a_push_that_stalls_is_given_up_and_tried_again(
    unruly: Unruly, empty: Bucket, large: Layout
) -> None:
    unruly.when("PUT", "partNumber=", never_answer, times=2)
    pushed = library.push(f"oci:{large.path}", empty.reference())
    assert pushed.engine.retries >= 2
    empty.check_whole(large)


@pytest.mark.usefixtures("impatient")
def test_a_service_that_stays_silent_is_an_error_of_the_service(
    unruly: Unruly, stored: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was reported as an interruption: that is how a part that was given up ends."""
    monkeypatch.setattr(coordinator, "STALL_SECONDS", 0.05)
    unruly.when("GET", "/blobs/", never_answer)
    with pytest.raises(ServiceError) as caught:
        library.pull(stored.reference(), to=f"oci:{tmp_path / 'pulled'}")
    assert caught.value.exit_code == 7
    assert names_in(tmp_path) == set()


@pytest.mark.usefixtures("hurried")
def test_a_document_that_never_comes_is_an_error_of_the_service(
    unruly: Unruly, stored: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3lo.engine.sockets.wire.ANSWER_SECONDS", 0.05)
    unruly.when("GET", "/manifests/", never_answer)
    with pytest.raises(ServiceError, match="no answer"):
        library.pull(stored.reference(), to=f"oci:{tmp_path / 'pulled'}")
    assert unruly.count("GET", "/manifests/") == ATTEMPTS


@pytest.mark.usefixtures("impatient")
def test_workers_that_hang_are_killed_and_replaced(
    stored: Bucket, large: Layout, tmp_path: Path
) -> None:
    """Both of them: a blob has one worker, and the other may have nothing in flight."""
    stopped: list[int] = []

    def stop_workers(event: Event) -> None:
        if isinstance(event, BytesMoved) and not stopped:
            stopped.extend(_children())
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)

    engine = EngineOptions(processes=2, part_size_bytes=1 << 20, max_in_flight=4)
    target = tmp_path / "pulled"
    pulled = library.pull(
        stored.reference(), to=f"oci:{target}", engine=engine, observer=stop_workers
    )
    assert pulled.engine.retries >= 1
    check_layout(target, large)
    assert not set(stopped) & set(_children())


def _children() -> list[int]:
    """Worker processes of this one."""
    tasks = Path("/proc/self/task").glob("*/children")
    pids = [int(pid) for task in tasks for pid in task.read_text().split()]
    return [pid for pid in pids if b"s3lo.engine" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
@pytest.mark.usefixtures("hurried")
def test_an_endpoint_that_is_not_there_is_an_error_of_the_service(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(ServiceError, match="no answer") as caught:
        library.pull("s3://bucket/app:v1", to=f"oci:{tmp_path / 'pulled'}")
    assert caught.value.exit_code == 7
    assert "endpoint" in caught.value.hint


def test_patience_with_an_endpoint_that_is_not_there_ends_within_half_a_minute() -> None:
    """Without waiting for it: what all the delays of one request may add up to."""
    most = [max(backoff.delay_seconds(n) for _ in range(200)) for n in range(1, ATTEMPTS)]
    assert sum(most) < 30
