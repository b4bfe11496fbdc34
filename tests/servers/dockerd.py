"""Dockerd: a Docker daemon of our own, beside whatever daemon the machine may run."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.servers.process import Missing, Server, find_program, free_ports

_CAP_SYS_ADMIN = 21
_DISK_BYTES = 16 << 30
"""Sparse: it takes what is written to it."""


class Dockerd(Server):
    """A daemon without networks: it saves, loads and runs images."""

    program = "dockerd"
    install = "apt-get install docker.io"
    grace_seconds = 20.0
    # The socket's path, and those that the daemon makes below, may have 107 characters at most.
    parent = "/tmp"

    def __init__(self, *, on_disk_of_its_own: bool = False) -> None:
        """``on_disk_of_its_own``: its images lie on a file system made for them, which ``renew``
        makes anew."""
        super().__init__()
        self._socket = Path()
        self._port = 0
        self._has_disk = on_disk_of_its_own

    @property
    def host(self) -> str:
        """As DOCKER_HOST wants it."""
        return f"unix://{self._socket}"

    @property
    def remote_host(self) -> str:
        """The same daemon, as one of another machine."""
        return f"tcp://127.0.0.1:{self._port}"

    @property
    def root(self) -> Path:
        """Where it keeps its images."""
        return self._directory / "data"

    def env(self) -> dict[str, str]:
        return {"DOCKER_HOST": self.host}

    def prepare(self, directory: Path) -> list[str]:
        require_privilege()
        if self._has_disk:
            self._make_disk()
        self._socket = directory / "d.sock"
        [self._port] = free_ports(1)
        return [
            f"--data-root={self.root}",
            f"--exec-root={directory / 'exec'}",
            f"--pidfile={directory / 'pid'}",
            f"--host={self.host}",
            f"--host={self.remote_host}",
            "--tls=false",
            "--iptables=false",
            "--ip6tables=false",
            "--bridge=none",
        ]

    def is_ready(self) -> bool:
        with closing(socket.socket(socket.AF_UNIX)) as client:
            client.settimeout(5)
            client.connect(str(self._socket))
            client.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return client.recv(64).split()[1:2] == [b"200"]

    def clean_up(self) -> None:
        unmount_below(self._directory)

    def renew(self) -> None:
        """Begin again as a daemon that never had an image, on a file system that never had a file.

        To remove the images is not the same: for a minute or more ext4 gives a new file no inode
        that was freed of late, and looks for others one by one (Linux, fs/ext4/ialloc.c,
        recently_deleted). After an image of 12,000 files was removed, loading it took three times
        as long, most of it that search.
        """
        assert self._has_disk, "only a disk of its own is made anew"
        self._stop()
        self.clean_up()
        self._make_disk()
        self.start()

    def _make_disk(self) -> None:
        disk = self._directory / "disk"
        disk.unlink(missing_ok=True)
        with open(disk, "wb") as file:
            file.truncate(_DISK_BYTES)
        self.root.mkdir(exist_ok=True)
        mkfs = find_program("mkfs.ext4", "apt-get install e2fsprogs")
        subprocess.run([str(mkfs), "-q", str(disk)], check=True)
        subprocess.run(["mount", "-o", "loop", str(disk), str(self.root)], check=True)


@contextmanager
def emptied(host: str) -> Iterator[Any]:
    """A client of a daemon, which has no image any more afterwards."""
    import docker

    client: Any = docker.APIClient(host)
    with closing(client):
        yield client
        client.prune_images(filters={"dangling": False})


def unmount_below(directory: Path) -> None:
    """A killed daemon leaves mounts that would keep its directory from being removed."""
    mounts = Path("/proc/self/mountinfo").read_text("utf-8").splitlines()
    ours = [line.split()[4] for line in mounts if f" {directory}/" in line]
    for mount in reversed(ours):
        subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)


def require_privilege() -> None:
    """Raise Missing where this process may not mount, which a daemon has to."""
    status = Path("/proc/self/status").read_text("ascii")
    found = re.search(r"^CapEff:\s*([0-9a-f]+)", status, re.MULTILINE)
    may_mount = found is not None and int(found[1], 16) >> _CAP_SYS_ADMIN & 1
    if os.geteuid() != 0 or not may_mount:
        raise Missing("a container daemon of our own needs root with the right to mount")
