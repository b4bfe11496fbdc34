"""SIGKILL: to a worker, to all of them again and again, and to the coordinator."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from s3lo.engine.pool import MAX_REPLACEMENTS
from tests.faults.command import Commands, eventually
from tests.faults.images import Bucket, Layout, check_layout, check_nothing_staged, names_in
from tests.servers import SeaweedS3, Unruly
from tests.servers.unruly import Gate

PROCESSES = ("--processes", "2", "--max-in-flight", "4", "-o", "json")
PARTS = (*PROCESSES, "--part-size", "1MiB")
UPLOAD_PARTS = (*PROCESSES, "--part-size", "5MiB")


def test_workers_killed_during_a_pull_are_replaced(
    s3lo: Commands, unruly: Unruly, stored: Bucket, large: Layout, tmp_path: Path
) -> None:
    """Both of them: a blob has one worker, and the other may have nothing in flight."""
    gate = Gate()
    unruly.when("GET", "/blobs/", gate, after=3)
    target = tmp_path / "pulled"
    pull = s3lo.start("pull", stored.reference(), "--to", f"oci:{target}", *PARTS)
    gate.wait_for(4)
    for worker in pull.workers():
        os.kill(worker, signal.SIGKILL)
    gate.open()
    report = pull.wait().result["engine"]
    assert (report["mode"], report["processes"]) == ("processes", 2)
    assert report["retries"] >= 1, "what was in flight with the killed ones"
    check_layout(target, large)


def test_workers_killed_during_a_push_are_replaced(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout
) -> None:
    """Both of them, as during a pull."""
    gate = Gate()
    unruly.when("PUT", "partNumber=", gate, after=1)
    push = s3lo.start("push", f"oci:{large.path}", empty.reference(), *UPLOAD_PARTS)
    gate.wait_for(3)
    for worker in push.workers():
        os.kill(worker, signal.SIGKILL)
    gate.open()
    report = push.wait().result["engine"]
    assert report["retries"] >= 1
    empty.check_whole(large)


def test_workers_killed_again_and_again_end_a_pull_within_seconds(
    s3lo: Commands, unruly: Unruly, stored: Bucket, tmp_path: Path
) -> None:
    unruly.when("GET", "/blobs/", Gate())
    pull = s3lo.start("pull", stored.reference(), "--to", f"oci:{tmp_path / 'pulled'}", *PARTS)
    _kill_workers(pull.workers, 2 + MAX_REPLACEMENTS)
    pull.wait(10).fails(8, stored.reference(), "process", "--processes 0")
    assert names_in(tmp_path) == {"scratch"}


def test_workers_killed_again_and_again_leave_no_upload_open(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout
) -> None:
    """Nobody was left to abort what had begun."""
    gate = Gate()
    unruly.when("PUT", "partNumber=", gate)
    push = s3lo.start("push", f"oci:{large.path}", empty.reference(), *UPLOAD_PARTS)
    gate.wait_for(2)
    assert empty.uploads()
    _kill_workers(push.workers, 2 + MAX_REPLACEMENTS)
    push.wait(10).fails(8, empty.reference(), "process")
    empty.check_untagged()


def _kill_workers(workers: Callable[[], list[int]], count: int) -> None:
    """Kill so many, each as soon as it is there."""
    killed: set[int] = set()
    while len(killed) < count:
        assert eventually(lambda: set(workers()) - killed)
        for pid in set(workers()) - killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)


def test_workers_end_with_a_killed_coordinator(
    s3lo: Commands, unruly: Unruly, stored: Bucket, large: Layout, tmp_path: Path
) -> None:
    """And the next pull to the same place goes on with what was left, and leaves nothing."""
    gate = Gate()
    unruly.when("GET", "/blobs/", gate, after=3)
    target = tmp_path / "pulled"
    arguments = ("pull", stored.reference(), "--to", f"oci:{target}", *PARTS)
    pull = s3lo.start(*arguments)
    gate.wait_for(4)
    assert len(pull.workers()) == 2
    pull.signal(signal.SIGKILL)
    assert eventually(lambda: not s3lo.processes(), seconds=3)
    pull.wait()
    assert not target.exists()
    with pytest.raises(AssertionError):
        check_nothing_staged(tmp_path)
    gate.open()
    assert s3lo.run(*arguments).status == 0
    check_layout(target, large)


def _kill_midway(s3lo: Commands, unruly: Unruly, arguments: tuple[str, ...], after: int) -> None:
    """Start a pull and kill it when so many of its requests for blobs, and four more, have come."""
    gate = Gate()
    unruly.when("GET", "/blobs/", gate, after=after)
    pull = s3lo.start(*arguments)
    gate.wait_for(4)
    pull.signal(signal.SIGKILL)
    pull.wait()
    gate.open()


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_killed_pull_that_is_repeated_fetches_nothing_again_that_was_complete(
    s3lo: Commands, unruly: Unruly, stored: Bucket, large: Layout, tmp_path: Path, processes: str
) -> None:
    target = tmp_path / "pulled"
    options = ("--processes", processes, "--max-in-flight", "4", "--part-size", "1MiB")
    arguments = ("pull", stored.reference(), "--to", f"oci:{target}", *options, "-o", "json")
    _kill_midway(s3lo, unruly, arguments, after=8)
    before = unruly.count("GET", "/blobs/")
    again = s3lo.run(*arguments).result
    complete = 8 - 1  # all before the gate but the one whose end may not have been noted
    assert again["bytes"] - again["bytes_transferred"] >= (complete - 1) << 20
    assert unruly.count("GET", "/blobs/") - before <= -(-again["bytes_transferred"] >> 20) + 4
    check_layout(target, large)
    check_nothing_staged(tmp_path)


def test_what_a_killed_pull_left_is_proven_before_it_is_used(
    s3lo: Commands, unruly: Unruly, stored: Bucket, large: Layout, tmp_path: Path
) -> None:
    """A power failure leaves a journal that speaks of bytes which never reached the disk."""
    target = tmp_path / "pulled"
    arguments = ("pull", stored.reference(), "--to", f"oci:{target}", *PARTS)
    _kill_midway(s3lo, unruly, arguments, after=8)
    for blob in tmp_path.glob(".pulled*/blobs/sha256/*"):
        with blob.open("r+b") as file:
            file.write(b"\0" * 4096)
    assert s3lo.run(*arguments).status == 0
    check_layout(target, large)


def test_what_was_not_to_be_verified_is_fetched_again(
    s3lo: Commands, unruly: Unruly, stored: Bucket, large: Layout, tmp_path: Path
) -> None:
    target = tmp_path / "pulled"
    arguments = ("pull", stored.reference(), "--to", f"oci:{target}", "-o", "json", *PARTS)
    _kill_midway(s3lo, unruly, (*arguments, "--verify", "none"), after=8)
    again = s3lo.run(*arguments).result
    assert again["bytes_transferred"] == again["bytes"]
    check_layout(target, large)
    check_nothing_staged(tmp_path)


def test_another_image_does_not_go_on_with_what_a_killed_pull_left(
    s3lo: Commands,
    unruly: Unruly,
    seaweed: SeaweedS3,
    stored: Bucket,
    small: Layout,
    tmp_path: Path,
) -> None:
    other = Bucket(seaweed, seaweed.create_bucket("another-image"))
    other.fill(small)
    target = tmp_path / "pulled"
    arguments = ("pull", stored.reference(), "--to", f"oci:{target}", *PARTS)
    _kill_midway(s3lo, unruly, arguments, after=3)
    done = s3lo.run("pull", other.reference(), "--to", f"oci:{target}", "-o", "json").result
    assert done["bytes_transferred"] == done["bytes"]
    check_layout(target, small)
    check_nothing_staged(tmp_path)


def test_workers_end_though_a_child_of_the_killed_coordinator_lives_on(
    s3lo: Commands, unruly: Unruly, stored: Bucket, tmp_path: Path
) -> None:
    """The child holds the coordinator's end of the workers' channels open: no end of stream."""
    gate = Gate()
    unruly.when("GET", "/blobs/", gate)
    program = (
        "import os, sys, threading, time\n"
        "import s3lo\n"
        "from s3lo import EngineOptions\n"
        "from s3lo.events import PhaseStarted\n"
        "def fork_later():\n"
        "    time.sleep(0.5)\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(60)\n"
        "        os._exit(0)\n"
        "def observe(event):\n"
        "    if isinstance(event, PhaseStarted) and event.phase == 'transfer':\n"
        "        threading.Thread(target=fork_later).start()\n"
        "s3lo.pull(sys.argv[1], to=sys.argv[2], observer=observe,\n"
        "    engine=EngineOptions(processes=2, part_size_bytes=1 << 20))\n"
    )
    target = f"oci:{tmp_path / 'pulled'}"
    pull = s3lo.start_program(["-c", program, stored.reference(), target])
    gate.wait_for(4)
    assert eventually(lambda: len(pull.workers()) == 3)
    *workers, _ = sorted(pull.workers())
    pull.signal(signal.SIGKILL)
    assert eventually(lambda: not set(workers) & set(s3lo.processes()), seconds=3)
    [child] = s3lo.processes()
    os.kill(child, signal.SIGKILL)
    pull.wait()
    gate.open()
    assert s3lo.run("pull", stored.reference(), "--to", target).status == 0
