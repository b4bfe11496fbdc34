"""The process: what starting it loads, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"awscrt", "boto3", "botocore", "docker", "rich", "yaml", "s3transfer"}

_OPERATION = """
import os, signal, sys, time
import s3lo
from s3lo.cli.main import main

def pull(*arguments, **options):
    try:
        print("started", flush=True)
        time.sleep(20)
    finally:
        {cleaning}
        print("cleaned", flush=True)

s3lo.pull = pull
sys.argv = ["s3lo", "pull", "s3://bucket/app:v1"]
main()
"""


def _start(cleaning: str = "pass") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _OPERATION.format(cleaning=cleaning)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


@pytest.mark.parametrize("arguments", [["--help"], ["pull", "--help"], ["--version"], ["nonsense"]])
def test_starting_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom s3lo.cli.main import run\n"
        f"run({arguments!r}, {{}})\nprint(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "click" in loaded
    assert loaded & HEAVY == set()


def test_the_module_runs_as_the_command_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "s3lo", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("s3lo ")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_in_order_with_one_line(number: signal.Signals, status: int) -> None:
    process = _start()
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=10)
    assert process.returncode == status
    assert stdout == "cleaned\n"
    assert stderr == "s3lo: interrupted.\n"


def test_a_second_signal_ends_at_once() -> None:
    process = _start(cleaning="print('cleaning', flush=True); time.sleep(20)")
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "cleaning\n"
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=5)  # cleaning takes 20 s
    assert process.returncode == 143
    assert stdout + stderr == ""


def test_a_reader_that_went_away_gets_no_complaint() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "s3lo", "--help"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_an_archive_is_not_read_from_a_terminal() -> None:
    import pty

    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "s3lo", "push", "-", "s3://bucket/app:v1"],
        stdin=theirs,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 2
    assert "stdin" in done.stderr


def test_completion_completes_verbs() -> None:
    environment = {**os.environ, "_S3LO_COMPLETE": "bash_complete"}
    environment |= {"COMP_WORDS": "s3lo pu", "COMP_CWORD": "1"}
    program = Path(sys.executable).with_name("s3lo")
    done = subprocess.run([program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["plain,push", "plain,pull"]


def _in_a_shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f'"$0" -m s3lo {command}', sys.executable],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_command_runs_without_its_standard_streams(closed: str) -> None:
    """Python has None for a closed stream, which was a "bug" about NoneType."""
    done = _in_a_shell(f"tune {closed}")
    assert (done.returncode, done.stderr) == (0, "")


def test_an_archive_from_a_closed_stdin_is_no_archive(tmp_path: Path) -> None:
    done = _in_a_shell(f"push - local://{tmp_path}/store/app:v1 <&-")
    assert done.returncode == 5
    assert "the archive is cut short" in done.stderr


@pytest.mark.parametrize("full", [">/dev/full", "2>/dev/full", ">/dev/full 2>&1", "2>&- >&-"])
def test_an_error_that_cannot_be_told_keeps_its_status(full: str) -> None:
    done = _in_a_shell(f"pull foo -o json {full}")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_an_error_document_that_nobody_reads_keeps_its_status() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "s3lo", "pull", "foo", "-o", "json"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
