"""Measure: runs commands from start to exit and says what they cost."""

from __future__ import annotations

import itertools
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SAMPLES_PER_SECOND = 20
_SAMPLES_A_TREE = 5
"""Who belongs to a tree is looked up less often: that opens a file for each of its threads."""
_QUICK_SAMPLES = 10
LIMIT_SECONDS = 900.0
_PAGE_BYTES = resource.getpagesize()
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class RunFailed(Exception):
    """A command that did not do its job; the message ends with the tail of what it printed."""


@dataclass(frozen=True)
class Cost:
    """What commands cost from the start of the first to the exit of the last."""

    wall_seconds: float
    cpu_seconds: float
    peak_rss_bytes: int


def measure(
    commands: Sequence[Sequence[str]],
    env: Mapping[str, str],
    cwd: Path,
    *,
    daemons: Sequence[int] = (),
    limit_seconds: float = LIMIT_SECONDS,
) -> Cost:
    """Run commands at once to their end; raises RunFailed unless all of them succeed in time.

    Their processes count with all that they start, and so do ``daemons`` that work for them.
    """
    logs = [cwd / f"log-{number}" for number in range(len(commands))]
    daemons_cpu = sum(_cpu_seconds(pid) for pid in daemons)
    running: list[subprocess.Popen[bytes]] = []
    killer = threading.Timer(limit_seconds, _kill, [running])
    started_at = time.perf_counter()
    try:
        for command, log in zip(commands, logs, strict=True):
            running.append(_start(command, env, cwd, log))
        peak = _Peak([*(process.pid for process in running), *daemons])
        killer.start()
        ended = [os.wait4(process.pid, 0) for process in running]
        wall = time.perf_counter() - started_at
    except BaseException:
        _kill(running)
        raise
    finally:
        killer.cancel()
    peak_bytes = peak.stop()
    for process, (_, status, _) in zip(running, ended, strict=True):
        process.returncode = os.waitstatus_to_exitcode(status)
    for process, command, log in zip(running, commands, logs, strict=True):
        if process.returncode:
            failed = f"ended with {process.returncode}"
            late = f"still ran after {limit_seconds:g} s"
            raise RunFailed(_complaint(command, late if wall >= limit_seconds else failed, log))
    usages = [usage for _, _, usage in ended]
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    cpu += sum(_cpu_seconds(pid) for pid in daemons) - daemons_cpu
    return Cost(wall, cpu, peak_bytes)


def _start(
    command: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path
) -> subprocess.Popen[bytes]:
    with open(log, "wb") as output:
        return subprocess.Popen(
            command,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A group of its own, so that all of it can be ended.
            start_new_session=True,
        )


def _kill(running: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in running:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _complaint(command: Sequence[str], how: str, log: Path) -> str:
    tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-15:])
    shown = " ".join(command)
    return f"{shown[:300]} {how}\n{tail}"


class _Peak(threading.Thread):
    """Samples the resident memory of processes and of all below them.

    It reads /proc by hand: a library that asks for more about each process took a tenth of a core,
    which on two cores is part of the result.
    """

    def __init__(self, roots: Sequence[int]) -> None:
        super().__init__(daemon=True)
        self._roots = roots
        self._peak_bytes = 0
        self._ended = threading.Event()
        self.start()

    def run(self) -> None:
        pids: list[int] = []
        for number in itertools.count():
            if number < _QUICK_SAMPLES or number % _SAMPLES_A_TREE == 0:
                pids = [pid for root in self._roots for pid in _tree(root)]
            self._peak_bytes = max(self._peak_bytes, sum(map(_resident_bytes, pids)))
            # The shortest runs end before a second sample at the usual pace.
            if self._ended.wait(0.005 if number < _QUICK_SAMPLES else 1 / _SAMPLES_PER_SECOND):
                return

    def stop(self) -> int:
        self._ended.set()
        self.join()
        return self._peak_bytes


def _tree(pid: int) -> Iterator[int]:
    """A process and all below it that still run."""
    yield pid
    for task in _tasks(pid):
        try:
            children = _read(f"/proc/{pid}/task/{task}/children")
        except OSError:
            continue
        for child in children.split():
            yield from _tree(int(child))


def _tasks(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def _resident_bytes(pid: int) -> int:
    try:
        return int(_read(f"/proc/{pid}/statm").split()[1]) * _PAGE_BYTES
    except OSError:
        return 0


def _cpu_seconds(pid: int) -> float:
    """Of a process, of all below it, and of those that it has waited for."""
    ticks = 0
    for each in _tree(pid):
        try:
            fields = _read(f"/proc/{each}/stat").rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS_PER_SECOND


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
