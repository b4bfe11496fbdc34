"""CPU use: what this transfer, and all that runs on this machine, has taken of its CPUs so far."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

_STAT = Path("/proc/stat")
_IDLE, _WAITS_FOR_DISK = 3, 4
"""Places of a CPU's idle time in a line (proc(5), /proc/stat)."""
_GUEST = 8
"""From here on a line repeats what it has counted before."""
OWN_SHARE = 0.35
"""What a transfer has to take of CPUs that are busy for them to be its limit: the server of a benchmark
on the same two cores leaves it 0.6."""


class CpuShare(Struct, frozen=True):
    """Of the CPUs' time in a moment, from 0 to about 1."""

    own: float
    """Taken by this transfer, of the CPUs it may use."""
    machine: float
    """Taken by anybody, of all there are; 0 where that is not to be known."""

    def reaches(self, limit: float) -> bool:
        """Whether the CPUs are used that far and it is this transfer that would gain by more of them.

        A machine that others keep busy says nothing of it: a pull of 1 GiB beside some other work
        once stayed at two connections for 22 s.
        """
        return self.own >= limit or (self.own >= OWN_SHARE and self.machine >= limit)


class CpuUse(Struct, frozen=True):
    """Up to a moment. Two of them say how busy the CPUs were between."""

    own_seconds: float = 0.0
    """Of CPU time, by this process and its workers."""
    idle_ticks: int = 0
    all_ticks: int = 0
    """Of the machine, CPU by CPU; none where that is not to be known."""

    def share_since(self, earlier: CpuUse, seconds: float, cpus: int) -> CpuShare:
        """What was used of them since; ``cpus`` are those this process may use."""
        own = (self.own_seconds - earlier.own_seconds) / (seconds * cpus)
        ticks = self.all_ticks - earlier.all_ticks
        idle = self.idle_ticks - earlier.idle_ticks
        return CpuShare(own, 1 - idle / ticks if ticks > 0 else 0.0)


def read_cpu_use(workers_seconds: float = 0.0) -> CpuUse:
    """As it is now; ``workers_seconds`` of CPU time were taken by other processes of ours."""
    own = time.process_time() + workers_seconds
    with suppress(OSError, ValueError, IndexError):
        line = _STAT.read_bytes().split(b"\n", 1)[0]
        ticks = [int(field) for field in line.split()[1 : 1 + _GUEST]]
        return CpuUse(own, ticks[_IDLE] + ticks[_WAITS_FOR_DISK], sum(ticks))
    return CpuUse(own)
