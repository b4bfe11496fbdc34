"""Command: the installed s3lo command as a process of its own, watched from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MARK = "FAULTS_TEST"
_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Ended:
    """What a command left: its exit status and what it said."""

    status: int
    stdout: str
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        """The JSON document of a command that succeeded."""
        assert self.status == 0, self
        document: dict[str, Any] = json.loads(self.stdout)
        return document

    def fails(self, status: int, *said: str) -> None:
        """Assert that it failed as it should: with this status, one paragraph, and these words."""
        assert self.status == status, self
        assert len(self.stderr.splitlines()) == 1, self.stderr
        for words in said:
            assert words in self.stderr


class Running:
    """A command under way."""

    def __init__(self, process: subprocess.Popen[str], mark: str) -> None:
        self._process = process
        self._mark = mark
        self.pid = process.pid
        self.was_waited_for = False

    def workers(self) -> list[int]:
        """Its worker processes, oldest first."""
        marked = ((pid, _parent(pid)) for pid in marked_processes(self._mark))
        return sorted(pid for pid, parent in marked if parent == self.pid)

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def signal_group(self, number: int) -> None:
        os.killpg(self.pid, number)

    def wait(self, seconds: float = _TIMEOUT_SECONDS) -> Ended:
        self.was_waited_for = True
        try:
            stdout, stderr = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.end()
            raise
        return Ended(self._process.returncode, stdout, stderr)

    def end(self) -> None:
        """Kill it. Where nobody waited for it, what it said is for who reads why a test failed."""
        self._process.kill()
        stdout, stderr = self._process.communicate()
        sys.stdout.write(f"{self._process.args!r}, for which nobody waited: {stdout}{stderr}\n")


class Commands:
    """Starts commands in an environment of a test's own; afterwards nothing of them may be left."""

    def __init__(self, environment: Mapping[str, str], scratch: Path) -> None:
        self.scratch = scratch
        self._mark = f"{os.getpid()}-{scratch}"
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            **environment,
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            _MARK: self._mark,
        }
        self._started: list[Running] = []

    def start(self, *arguments: str | Path, **variables: str) -> Running:
        return self.start_program(["-m", "s3lo", *map(str, arguments)], **variables)

    def start_program(self, arguments: list[str], **variables: str) -> Running:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**self._environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running = Running(process, self._mark)
        self._started.append(running)
        return running

    def run(self, *arguments: str | Path, **variables: str) -> Ended:
        return self.start(*arguments, **variables).wait()

    def processes(self) -> list[int]:
        """Every process of any of the commands, orphans included."""
        return marked_processes(self._mark)

    def close(self) -> None:
        """Let nothing run on, whatever became of the test."""
        for running in self._started:
            if not running.was_waited_for:
                running.end()
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def marked_processes(mark: str) -> list[int]:
    """Processes that have a mark in their environment, which children inherit."""
    wanted = f"{_MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def eventually(holds: Callable[[], object], seconds: float = 10.0) -> bool:
    """Whether something comes true in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
