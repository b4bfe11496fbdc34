"""CPU use: what this transfer, and all that runs on this machine, has taken of its CPUs so far."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

_STAT = Path("/proc/stat")
_IDLE = 3
"""Place of the idle time in a line (proc(5), /proc/stat). Waiting for the disk is no idle time here:
more connections are no help against it either."""
_GUEST = 8
"""From here on a line repeats what it has counted before."""


class CpuUse(Struct, frozen=True):
    """Up to a moment. Two of them say how busy the CPUs were between."""

    own_seconds: float = 0.0
    """Of CPU time, by this process and its workers."""
    idle_ticks: int = 0
    all_ticks: int = 0
    """Of the machine, CPU by CPU; none where that is not to be known."""

    def share_since(self, earlier: CpuUse, seconds: float, cpus: int) -> float:
        """How much of them was used, from 0 to about 1: of the CPUs this process may use by itself,
        or of the machine's by everybody, whichever is more."""
        own = (self.own_seconds - earlier.own_seconds) / (seconds * cpus)
        ticks = self.all_ticks - earlier.all_ticks
        idle = self.idle_ticks - earlier.idle_ticks
        return max(own, 1 - idle / ticks) if ticks > 0 else own


def read_cpu_use(workers_seconds: float = 0.0) -> CpuUse:
    """As it is now; ``workers_seconds`` of CPU time were taken by other processes of ours."""
    own = time.process_time() + workers_seconds
    with suppress(OSError, ValueError, IndexError):
        line = _STAT.read_bytes().split(b"\n", 1)[0]
        ticks = [int(field) for field in line.split()[1 : 1 + _GUEST]]
        return CpuUse(own, ticks[_IDLE], sum(ticks))
    return CpuUse(own)
