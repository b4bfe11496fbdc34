"""Machine: what this host is, read once: CPUs, memory, the network interface, the EC2 type.

Only ``/proc`` and ``/sys`` are read. Nothing here touches the network: on EC2 the instance type
stands in the firmware's product name (Nitro), elsewhere there is none to ask for.
"""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from s3lo.cpus import usable_cpus
from s3lo.errors import UsageError

_DMI = Path("/sys/devices/virtual/dmi/id")
_NET = Path("/sys/class/net")


class Machine(Struct, frozen=True):
    """Facts; ``nic_gbps`` and ``ec2_gbps`` are None where they are not to be known."""

    cpus: int
    memory_bytes: int
    interfaces: tuple[str, ...] = ()
    """That of the default route, or those that were asked for."""
    nic_gbps: float | None = None
    """Of all of them together."""
    instance_type: str = ""
    ec2_gbps: float | None = None
    open_files: int = 1024
    """How many a process may have open, connections among them."""


def read_machine(wanted: tuple[str, ...] = ()) -> Machine:
    """Look at this host, and at these interfaces of it; raises UsageError where one is not there."""
    interfaces = wanted or default_interfaces(_text(Path("/proc/net/route")))
    if missing := [name for name in wanted if not _is_interface(name)]:
        raise UsageError(
            f"no network interface {', '.join(missing)} on this host", hint="ip link lists them."
        )
    instance_type = _instance_type()
    return Machine(
        cpus=usable_cpus(),
        memory_bytes=_memory_bytes(),
        interfaces=interfaces,
        nic_gbps=_nic_gbps(interfaces),
        instance_type=instance_type,
        ec2_gbps=_ec2_gbps(instance_type),
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    )


def default_interfaces(routes: str) -> tuple[str, ...]:
    """The interface of the IPv4 default route with the lowest metric in ``/proc/net/route``."""
    found: list[tuple[int, str]] = []
    for line in routes.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[1] == "00000000" and fields[7] == "00000000":
            found.append((int(fields[6]), fields[0]))
    return (min(found)[1],) if found else ()


def _is_interface(name: str) -> bool:
    return "/" not in name and name not in ("", ".", "..") and (_NET / name).is_dir()


def _nic_gbps(interfaces: tuple[str, ...]) -> float | None:
    """Link speeds as the drivers report them; ENA and virtio report none (EINVAL or -1)."""
    with suppress(ValueError):
        speeds = [int(_text(_NET / name / "speed")) for name in interfaces]
        return sum(speeds) / 1000 if speeds and min(speeds) > 0 else None
    return None


def _instance_type() -> str:
    return _text(_DMI / "product_name") if _text(_DMI / "sys_vendor") == "Amazon EC2" else ""


def _ec2_gbps(instance_type: str) -> float | None:
    """What awscrt's table says of this instance type; it is only asked on EC2."""
    if not instance_type:
        return None
    try:
        from awscrt.s3 import get_recommended_throughput_target_gbps
    except ImportError:
        return None
    return float(get_recommended_throughput_target_gbps() or 0) or None


def _memory_bytes() -> int:
    """Memory this process may use: the machine's, cut by the control group's limit."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _text(Path("/sys/fs/cgroup/memory.max"))
    return min(total, int(limit)) if limit.isdigit() else total


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def peak_rss_bytes() -> int:
    """The most memory this process ever had resident.

    From ``VmHWM``, not ``getrusage``: a spawned process inherits its parent's ``ru_maxrss``.
    """
    for line in _text(Path("/proc/self/status")).splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
