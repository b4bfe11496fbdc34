"""What a run cost: whole process trees, and only those that did their job."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from perf.measure import RunFailed, measure
from tests.faults.command import eventually

_MIB = 1 << 20
_BUSY = "import time; end = time.process_time() + {0}\nwhile time.process_time() < end: pass"


def _python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def test_the_cpu_time_of_children_counts(tmp_path: Path) -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_BUSY.format(0.4)!r}])"
    assert measure([_python(child)], {}, tmp_path).cpu_seconds >= 0.4


def test_the_memory_of_parent_and_children_counts_together(tmp_path: Path) -> None:
    hold = "import time; held = b'x' * (60 << 20); time.sleep(0.6)"
    both = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {hold!r}]); {hold}; p.wait()"
    assert measure([_python(both)], {}, tmp_path).peak_rss_bytes >= 120 * _MIB


def test_clients_run_at_once_and_the_last_one_ends_the_clock(tmp_path: Path) -> None:
    waits = [_python(f"import time; time.sleep({seconds})") for seconds in (1.0, 2.0, 1.0)]
    # One after the other they would take 4 s.
    assert 2.0 <= measure(waits, {}, tmp_path).wall_seconds < 3.9


def test_a_daemon_that_works_for_a_command_counts(tmp_path: Path) -> None:
    with subprocess.Popen(_python(_BUSY.format(60) + "\n" + "b'x' * (50 << 20)")) as daemon:
        try:
            cost = measure(
                [["sleep", "1"]], {"PATH": "/usr/bin:/bin"}, tmp_path, daemons=[daemon.pid]
            )
        finally:
            daemon.kill()
    assert cost.cpu_seconds > 0.2


def test_a_command_that_fails_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"ended with 3\n.*why it failed"):
        measure([["sh", "-c", "echo why it failed; exit 3"]], {"PATH": "/bin"}, tmp_path)


def test_a_command_that_hangs_is_ended_with_all_below_it(tmp_path: Path) -> None:
    started_at = time.monotonic()
    script = "echo $$ > group; sleep 100 & sleep 100"
    with pytest.raises(RunFailed, match=r"still ran after 0\.5 s"):
        measure([["sh", "-c", script]], {"PATH": "/bin:/usr/bin"}, tmp_path, limit_seconds=0.5)
    assert time.monotonic() - started_at < 20
    group = int((tmp_path / "group").read_text())
    # A process that was killed still runs for a moment, on its way out.
    assert eventually(lambda: not any(_is_alive_in(group, each) for each in psutil.process_iter()))


def _is_alive_in(group: int, process: psutil.Process) -> bool:
    """A dead process without a parent stays as a zombie where no init reaps it."""
    try:
        if os.getpgid(process.pid) != group:
            return False
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False
