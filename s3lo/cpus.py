"""CPUs: how many this process may use, which in a container is fewer than the host has."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cpus() -> int:
    """CPUs this process may use: its affinity, cut by the control group's quota; at least one."""
    known = hasattr(os, "sched_getaffinity")
    allowed = len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
    return max(1, min(allowed, _quota() or allowed))


def _quota() -> int | None:
    """CPUs' worth of time that the control group gets, rounded up; None: as much as there is.

    ``cpu.max`` is "$MAX $PERIOD" in microseconds (Linux, Documentation/admin-guide/cgroup-v2.rst).
    """
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = _QUOTA.read_text(encoding="ascii").split()
        return None if quota == "max" else -(-int(quota) // int(period))
    return None
