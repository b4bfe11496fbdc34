"""Machine: what cpuinfo and the mount table say, on x86 and on ARM."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perf.machine import Machine, file_system_of, read_cpu, read_machine

MACHINE = Machine("2026-01-31", "Some CPU", 2, True, 24, "Linux 6.1", "3.11.7", "ext4")


def test_a_machine_is_described_in_one_line() -> None:
    assert MACHINE.describe() == (
        "2026-01-31, Some CPU, 2 CPUs, SHA instructions, 24 GiB, Linux 6.1, Python 3.11.7, ext4"
    )


def test_what_tcp_does_by_default_is_described_where_it_is_known() -> None:
    assert replace(MACHINE, congestion_control="bbr").describe().endswith(", ext4, bbr by default")


def test_one_cpu_without_sha_instructions() -> None:
    text = replace(MACHINE, cpus=1, sha_ni=False).describe()
    assert "1 CPU, no SHA instructions" in text


def test_this_machine_can_be_read(tmp_path: Path) -> None:
    machine = read_machine(tmp_path)
    assert machine.cpu
    assert machine.cpus >= 1
    assert machine.memory_gib >= 1
    assert machine.file_system != "unknown file system"
    assert machine.congestion_control
    assert "\n" not in machine.describe()


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("model name\t: A\nflags\t\t: fpu sha_ni\n\nmodel name\t: B\n", ("A", True)),
        ("model name\t: A\nflags\t\t: fpu sha512\n", ("A", False)),
        ("processor\t: 0\nFeatures\t: fp sha1 sha2\n", ("", True)),
        ("", ("", False)),
    ],
)
def test_the_first_cpu_speaks_for_all(cpuinfo: str, expected: tuple[str, bool]) -> None:
    assert read_cpu(cpuinfo) == expected


def test_the_nearest_mount_above_names_the_file_system() -> None:
    mounts = [("/", "ext4"), ("/data", "xfs"), ("/data/a", "tmpfs")]
    assert file_system_of(Path("/data/b"), mounts) == "xfs"
    assert file_system_of(Path("/database"), mounts) == "ext4"
    assert file_system_of(Path("/data"), []) == "unknown file system"


def test_of_two_mounts_at_one_place_the_later_counts() -> None:
    assert file_system_of(Path("/data/b"), [("/data", "xfs"), ("/data", "nfs")]) == "nfs"
