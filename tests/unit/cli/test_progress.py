"""Progress: what of an operation's events reaches stderr, in each mode."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time

import pytest

from s3lo.cli.displays import JsonLines, PlainLines
from s3lo.cli.progress import observing
from s3lo.cli.tally import Tally
from s3lo.events import BlobDone, BytesMoved, Note, Observer, PhaseEnded, PhaseStarted


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _transfer(observer: Observer) -> None:
    observer(PhaseStarted("transfer", 200))
    observer(BytesMoved("transfer", 150))
    observer(BytesMoved("transfer", -50))
    observer(BlobDone("sha256:0", 100))
    observer(PhaseEnded("transfer", 2.0))


def test_a_line_says_how_far_and_how_fast() -> None:
    clock = _Clock()
    tally = Tally(clock)
    tally.add(PhaseStarted("transfer", 4_000_000))
    tally.add(BytesMoved("transfer", 1_500_000))
    tally.add(BytesMoved("transfer", -500_000))
    clock.now = 2.0
    assert list(tally.lines()) == ["transfer: 1.0 MB of 4.0 MB (25%), 500.0 kB/s"]


def test_phases_that_run_share_a_line_and_those_that_ended_leave_it() -> None:
    clock = _Clock()
    tally = Tally(clock)
    tally.add(PhaseStarted("resolve"))
    tally.add(PhaseEnded("resolve", 1.0))
    tally.add(PhaseStarted("transfer"))
    tally.add(BytesMoved("transfer", 1000))
    tally.add(PhaseStarted("load"))
    clock.now = 1.0
    assert list(tally.lines()) == ["transfer: 1.0 kB, 1.0 kB/s; load: 1 s"]


def test_with_nothing_running_there_is_no_line() -> None:
    assert list(Tally().lines()) == []


def test_bytes_of_a_phase_that_never_began_are_counted() -> None:
    tally = Tally()
    tally.add(BytesMoved("save", 5))
    assert [phase.done_bytes for phase in tally.phases()] == [5]


def test_plain_progress_writes_lines_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PlainLines, "interval_seconds", 0.02)
    with observing("plain", quiet=False, verbosity=0) as observer:
        observer(PhaseStarted("transfer", 200))
        for _ in range(1000):
            observer(BytesMoved("transfer", 0))
        time.sleep(0.1)
    lines = capsys.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 10
    assert lines[0].startswith("transfer: 0 B of 200 B (0%)")


def test_a_short_operation_prints_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with observing("auto", quiet=False, verbosity=0) as observer:
        _transfer(observer)
    assert capsys.readouterr().err == ""


def test_json_progress_is_an_object_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JsonLines, "interval_seconds", 0.02)
    with observing("json", quiet=False, verbosity=0) as observer:
        observer(PhaseStarted("transfer", 200))
        observer(BytesMoved("transfer", 100))
        time.sleep(0.1)
        observer(BlobDone("sha256:0", 100))
        observer(Note("hello"))
        observer(PhaseEnded("transfer", 2.0))
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "phase_started"
    assert kinds[-3:] == ["blob_done", "note", "phase_ended"]
    progress = events[kinds.index("progress")]
    assert (progress["phase"], progress["bytes"], progress["total_bytes"]) == ("transfer", 100, 200)


@pytest.mark.parametrize("mode", ["plain", "none"])
def test_notes_are_shown_up_to_the_verbosity(mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    with observing(mode, quiet=False, verbosity=1) as observer:
        for level in range(3):
            observer(Note(f"level {level}", level))
    assert capsys.readouterr().err == "s3lo: level 0\ns3lo: level 1\n"


@pytest.mark.parametrize("mode", ["auto", "plain", "json", "none"])
def test_quiet_silences_everything(mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    with observing(mode, quiet=True, verbosity=2) as observer:
        _transfer(observer)
        observer(Note("hello"))
    assert capsys.readouterr().err == ""


def test_the_ticker_ends_with_the_operation_even_if_it_fails() -> None:
    import threading

    with pytest.raises(RuntimeError), observing("plain", quiet=False, verbosity=0):
        raise RuntimeError
    assert "progress" not in {thread.name for thread in threading.enumerate()}


_LIVE = """
import sys, time
from s3lo.cli.progress import observing
from s3lo.events import *
with observing("auto", quiet=False, verbosity=0) as observer:
    observer(PhaseStarted("transfer", 2000))
    observer(BytesMoved("transfer", 1000))
    assert "rich" not in sys.modules
    time.sleep({seconds})
    observer(Note("[bold]a note"))
print("rich" in sys.modules)
"""


def _on_a_terminal(code: str) -> tuple[str, str]:
    """Run Python with a terminal as stderr; gives stdout and what the terminal got."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
        text=True,
        env=environment,
        timeout=30,
    )
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    return done.stdout, shown


def test_a_terminal_gets_bars_once_there_is_time_to_look() -> None:
    stdout, shown = _on_a_terminal(_LIVE.format(seconds=1))
    assert stdout == "True\n"
    assert "1.0/2.0 kB" in shown
    assert "[bold]a note" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is back


def test_a_short_operation_does_not_pay_for_bars() -> None:
    stdout, shown = _on_a_terminal(_LIVE.format(seconds=0))
    assert stdout == "False\n"
    assert shown == "s3lo: [bold]a note\r\n"
