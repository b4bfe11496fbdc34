"""SIGINT and SIGTERM: the first one ends a command in order, the second one at once.

They go to the whole process group, as a terminal and a service manager send them: the workers get
them too.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from s3lo import EngineOptions, push
from s3lo.engine.crt.backend import NativeBackend
from s3lo.errors import Interrupted
from tests.faults.command import Commands, Ended, eventually
from tests.faults.images import Bucket, Layout, names_in
from tests.servers import Unruly
from tests.servers.unruly import Gate, slow_down

_SERIAL = EngineOptions(processes=0, part_size_bytes=5 << 20, backend="native")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.mark.parametrize("processes", ["0", "2"])
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_an_interrupted_pull_leaves_nothing(
    s3lo: Commands,
    unruly: Unruly,
    stored: Bucket,
    tmp_path: Path,
    number: signal.Signals,
    processes: str,
) -> None:
    gate = Gate()
    unruly.when("GET", "/blobs/", gate, after=3)
    pull = s3lo.start(
        *("pull", stored.reference(), "--to", f"oci:{tmp_path / 'pulled'}"),
        *("--processes", processes, "--part-size", "1MiB"),
    )
    gate.wait_for(4)
    pull.signal_group(number)
    _check_interrupted(pull.wait(8), number)
    assert names_in(tmp_path) == {"scratch"}


@pytest.mark.parametrize("processes", ["0", "2"])
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_an_interrupted_push_leaves_nothing(
    s3lo: Commands,
    unruly: Unruly,
    empty: Bucket,
    large: Layout,
    number: signal.Signals,
    processes: str,
) -> None:
    gate = Gate()
    unruly.when("PUT", "partNumber=", gate, after=1)
    push = s3lo.start(
        *("push", f"oci:{large.path}", empty.reference()),
        *("--processes", processes, "--part-size", "5MiB"),
    )
    gate.wait_for(3)
    push.signal_group(number)
    _check_interrupted(push.wait(8), number)
    empty.check_untagged()


def _check_interrupted(ended: Ended, number: signal.Signals) -> None:
    ended.fails(128 + number, "interrupted")
    assert ended.stdout == ""


def test_an_interrupt_while_workers_start_is_one_line(
    s3lo: Commands, unruly: Unruly, stored: Bucket, tmp_path: Path
) -> None:
    """A worker that was still importing answered the terminal's Ctrl+C with a traceback."""
    unruly.when("GET", "/blobs/", Gate())
    target = f"oci:{tmp_path / 'pulled'}"
    pull = s3lo.start("pull", stored.reference(), "--to", target, "--processes", "2")
    assert eventually(lambda: len(pull.workers()) == 2)
    pull.signal_group(signal.SIGINT)
    _check_interrupted(pull.wait(8), signal.SIGINT)
    assert names_in(tmp_path) == {"scratch"}


def test_an_abort_that_is_throttled_is_tried_again(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout
) -> None:
    gate = Gate()
    unruly.when("PUT", "partNumber=", gate)
    unruly.when("DELETE", "uploadId=", slow_down, times=2)
    push = s3lo.start("push", f"oci:{large.path}", empty.reference(), "--part-size", "5MiB")
    gate.wait_for(2)
    push.signal(signal.SIGINT)
    _check_interrupted(push.wait(10), signal.SIGINT)
    empty.check_untagged()


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_second_signal_ends_at_once(
    s3lo: Commands, unruly: Unruly, empty: Bucket, large: Layout, number: signal.Signals
) -> None:
    parts, aborts = Gate(), Gate()
    unruly.when("PUT", "partNumber=", parts)
    unruly.when("DELETE", "uploadId=", aborts)
    push = s3lo.start("push", f"oci:{large.path}", empty.reference(), "--part-size", "5MiB")
    parts.wait_for(2)
    push.signal(number)
    aborts.wait_for(1)
    push.signal(number)
    assert push.wait(5).status == 128 + number
    parts.open()
    aborts.open()
    sweeping = s3lo.run("push", f"oci:{large.path}", empty.reference())
    assert sweeping.status == 0


@pytest.mark.usefixtures("aws_env")
def test_a_signal_while_a_request_starts_does_not_lose_the_request(
    unruly: Unruly, empty: Bucket, large: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could cancel it then, and the end waited ten seconds for it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", unruly.url)
    unruly.when("PUT", "partNumber=", Gate())
    remember = NativeBackend._remember
    started: list[int] = []

    def interrupted(backend: NativeBackend, job_id: int, handle: object) -> None:
        started.append(job_id)
        if len(started) == 5:  # two small blobs, a beginning, and parts that wait
            os.kill(os.getpid(), signal.SIGUSR1)
        remember(backend, job_id, handle)

    def interrupt(number: int, frame: object) -> None:
        raise Interrupted(f"by {number}, {frame}")

    monkeypatch.setattr(NativeBackend, "_remember", interrupted)
    before = signal.signal(signal.SIGUSR1, interrupt)
    began_at = time.monotonic()
    try:
        with pytest.raises(Interrupted):
            push(f"oci:{large.path}", empty.reference(), engine=_SERIAL)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert time.monotonic() - began_at < 5
    empty.check_untagged()
