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

from tests.servers.process import Missing, Server, free_ports

_CAP_SYS_ADMIN = 21


class Dockerd(Server):
    """A daemon without networks: it saves, loads and runs images."""

    program = "dockerd"
    install = "apt-get install docker.io"
    grace_seconds = 20.0
    # The socket's path, and those that the daemon makes below, may have 107 characters at most.
    parent = "/tmp"

    def __init__(self) -> None:
        super().__init__()
        self._socket = Path()
        self._port = 0

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
