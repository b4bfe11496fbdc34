"""Native: the C programs of ``native_bench``, built where they are asked for."""

from __future__ import annotations

import fcntl
import subprocess
from functools import cache
from pathlib import Path

from tests.servers.process import StartFailed, find_program

_SOURCES = Path(__file__).resolve().parents[2] / "native_bench"


@cache
def native_program(name: str) -> Path:
    """A program of ``native_bench``, built if its sources changed; raises Missing without tools."""
    find_program("cmake", "apt-get install cmake make gcc libssl-dev")
    make = find_program("make", "apt-get install make")
    build = _SOURCES / "build"
    build.mkdir(exist_ok=True)
    with open(build / "lock", "w") as lock:
        # Test workers ask for it at the same moment.
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [str(make)], cwd=_SOURCES, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise StartFailed(
            f"native_bench does not build here:\n{done.stdout[-1000:]}{done.stderr[-2000:]}"
        )
    return build / name
