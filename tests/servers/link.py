"""Link: two network namespaces with a link of a given rate and round trip between them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tests.servers.native import native_program
from tests.servers.process import Missing, Server, StartFailed, find_program

_TUN = Path("/dev/net/tun")
_numbers: Iterator[int] = count(1)


class Link(Server):
    """A link that every host of its two sides shares; what crosses it takes half a round trip.

    with Link(gbit_s=1, round_trip_seconds=0.02) as link:
        server = Popen([*link.far, "server", "--listen", link.far_address])
        client = Popen([*link.near, "client", link.far_address])

    The sides know no network but the link and a loopback of their own. Whoever starts processes
    in them ends these before leaving.
    """

    program = "link"
    install = "see native_bench"
    near_address = "10.77.0.1"
    far_address = "10.77.0.2"
    """Where a server on the far side listens and clients on the near one reach it."""

    def __init__(self, gbit_s: float, round_trip_seconds: float) -> None:
        super().__init__()
        self._bits_per_second = round(gbit_s * 1e9)
        self._round_trip_seconds = round_trip_seconds
        name = f"s3lo-{os.getpid()}-{next(_numbers)}"
        self._sides = (f"{name}-a", f"{name}-b")

    @property
    def near(self) -> tuple[str, ...]:
        """What to put before the command of a client."""
        return ("ip", "netns", "exec", self._sides[0])

    @property
    def far(self) -> tuple[str, ...]:
        """What to put before the command of a server."""
        return ("ip", "netns", "exec", self._sides[1])

    def find(self) -> Path:
        find_program("ip", "apt-get install iproute2")
        if os.geteuid() != 0:
            raise Missing("a link between network namespaces needs root")
        if not _TUN.exists():
            raise Missing(f"no {_TUN} on this machine: modprobe tun, or give it to the container")
        return native_program(self.program)

    def prepare(self, directory: Path) -> list[str]:  # noqa: ARG002 - it needs no files
        for side in self._sides:
            _ip("netns", "add", side)
            _ip("-n", side, "link", "set", "lo", "up")
        return [
            *("--left", self._sides[0], "--left-address", f"{self.near_address}/30"),
            *("--right", self._sides[1], "--right-address", f"{self.far_address}/30"),
            *("--rate", str(self._bits_per_second)),
            *("--round-trip-seconds", str(self._round_trip_seconds)),
        ]

    def is_ready(self) -> bool:
        return "ready\n" in self.log_path.read_text("utf-8", "replace")

    def clean_up(self) -> None:
        for side in self._sides:
            subprocess.run(["ip", "netns", "del", side], check=False, capture_output=True)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartFailed(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
