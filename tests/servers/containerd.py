"""Containerd: a daemon of our own, beside whatever the machine may run."""

from __future__ import annotations

import socket
import subprocess
from contextlib import closing
from pathlib import Path

from tests.servers.dockerd import require_privilege, unmount_below
from tests.servers.process import Server, find_program


class Containerd(Server):
    """It takes images in and unpacks them; no containers are run."""

    program = "containerd"
    install = "apt-get install containerd"
    grace_seconds = 20.0
    # A socket's path may have 107 characters at most.
    parent = "/tmp"

    def __init__(self) -> None:
        super().__init__()
        self._socket = Path()

    def prepare(self, directory: Path) -> list[str]:
        require_privilege()
        self._socket = directory / "c.sock"
        config = directory / "config.toml"
        config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        return [
            *("--config", str(config), "--address", str(self._socket)),
            *("--root", str(directory / "root"), "--state", str(directory / "state")),
        ]

    def is_ready(self) -> bool:
        with closing(socket.socket(socket.AF_UNIX)) as client:
            client.settimeout(5)
            client.connect(str(self._socket))
        return self._ctr("version").returncode == 0

    def ctr(self, *arguments: str) -> str:
        """What ``ctr`` says; raises CalledProcessError where it fails."""
        done = self._ctr(*arguments)
        done.check_returncode()
        return done.stdout

    def clean_up(self) -> None:
        unmount_below(self._directory)

    def _ctr(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = find_program("ctr", self.install)
        command = [str(program), "--address", str(self._socket), *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True)
