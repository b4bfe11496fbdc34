"""Machine: where and when something was measured, for whoever reads the figures later."""

from __future__ import annotations

import datetime
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import psutil

from s3lo.cpus import usable_cpus

_CONGESTION_CONTROL = Path("/proc/sys/net/ipv4/tcp_congestion_control")


@dataclass(frozen=True)
class Machine:
    """What of a machine moves the figures."""

    date: str
    """The day of the measurement, ISO 8601."""
    cpu: str
    cpus: int
    """Those this process may use, which in a container is fewer than the host has."""
    sha_ni: bool
    """The CPU has instructions for SHA-256; without them a verified pull is bound by hashing."""
    memory_gib: int
    kernel: str
    python: str
    file_system: str
    """Type of the file system that the runs wrote to."""
    congestion_control: str = ""
    """Of TCP, by default: what nginx, a registry and whoever pushes send by."""

    def describe(self) -> str:
        cpus = f"{self.cpus} CPU{'' if self.cpus == 1 else 's'}"
        sha = "SHA instructions" if self.sha_ni else "no SHA instructions"
        tcp = f", {self.congestion_control} by default" if self.congestion_control else ""
        return (
            f"{self.date}, {self.cpu}, {cpus}, {sha}, {self.memory_gib} GiB, "
            f"{self.kernel}, Python {self.python}, {self.file_system}{tcp}"
        )


def read_machine(directory: Path) -> Machine:
    """This machine, now; ``directory`` is where the runs write."""
    cpu, sha_ni = read_cpu(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    mounts = [(x.mountpoint, x.fstype) for x in psutil.disk_partitions(all=True)]
    return Machine(
        date=datetime.date.today().isoformat(),
        cpu=cpu or platform.machine(),
        cpus=usable_cpus(),
        sha_ni=sha_ni,
        memory_gib=round(psutil.virtual_memory().total / (1 << 30)),
        kernel=f"{platform.system()} {os.uname().release}",
        python=platform.python_version(),
        file_system=file_system_of(directory.resolve(), mounts),
        congestion_control=_CONGESTION_CONTROL.read_text(encoding="ascii").strip(),
    )


def read_cpu(cpuinfo: str) -> tuple[str, bool]:
    """Model and SHA-256 instructions of the first CPU; on ARM, cpuinfo names no model."""
    fields: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    flags = fields.get("flags", fields.get("Features", "")).split()
    return fields.get("model name", ""), bool({"sha_ni", "sha2"}.intersection(flags))


def file_system_of(path: Path, mounts: list[tuple[str, str]]) -> str:
    """Of the mount nearest above an absolute path; of two at one place the later hides the other."""
    above = [mount for mount in mounts if path.is_relative_to(mount[0])]
    above.sort(key=lambda mount: len(mount[0]))
    return above[-1][1] if above else "unknown file system"
