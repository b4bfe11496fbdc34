"""Origin: the S3 service of the benchmarks, as fast as the kernel and as slow as it is told to be.

It checks no signature, throws uploads away if told so, and knows what came in: counters and the
CRC-32C of every object.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tests.servers.certificate import make_certificate
from tests.servers.native import native_program
from tests.servers.process import Server, free_ports

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class OriginOptions:
    """How it behaves; a rate of 0 is no limit, a share is from 0 to 1."""

    sink: Literal["nowhere", "memory", "directory"] = "nowhere"
    connection_bytes_per_second: int = 0
    total_bytes_per_second: int = 0
    requests_per_second: int = 0
    first_byte_seconds: float = 0.0
    refused_share: float = 0.0
    refused_seconds: float = 0.0
    """From the first transfer on, or always."""
    reset_share: float = 0.0
    stalls: int = 0
    """So many transfers fall silent for ever, half-way, since it was last cleared."""
    still: bool = False
    """Nothing changes below its root, and there is one bucket: it is listed once, and then from memory."""
    tls: bool = False
    seed: int = 1


@dataclass(frozen=True)
class OriginCounters:
    """What it did since its start or since it was cleared; bytes are those of objects' bodies."""

    connections: int
    open_connections: int
    peak_open_connections: int
    requests: Mapping[str, int]
    requests_total: int
    peak_requests_in_flight: int
    bytes_sent: int
    bytes_received: int
    copies: int
    """Requests of which it copied bytes from one object to another."""
    bytes_copied: int
    open_uploads: int
    """Multipart uploads that are neither completed nor aborted."""
    refused: int
    resets: int
    stalls: int
    errors: int


class UploadedObject(NamedTuple):
    """What came in under a name: its bytes, and their CRC-32C."""

    size: int
    crc32c: int


class Origin(Server):
    """An S3 service over ``root``: ``root/bucket/key`` answers to ``url/bucket/key``."""

    program = "origin"
    install = "see native_bench"

    def __init__(
        self,
        root: Path,
        options: OriginOptions = OriginOptions(),
        *,
        address: str = _LOOPBACK,
        inside: tuple[str, ...] = (),
    ) -> None:
        super().__init__(inside=inside)
        self.root = root.resolve()
        self.options = options
        self.address = address
        self.ca_bundle: Path | None = None
        self._port = 0
        self._control = Path()

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"{'https' if self.options.tls else 'http'}://{self.address}:{self._port}"

    def find(self) -> Path:
        return native_program(self.program)

    def prepare(self, directory: Path) -> list[str]:
        [self._port] = free_ports(1)
        self._control = directory / "control"
        options = self.options
        arguments: dict[str, object] = {
            "root": self.root,
            "port": self._port,
            "bind": self.address,
            "control": self._control,
            "sink": options.sink,
            "connection-rate": options.connection_bytes_per_second,
            "total-rate": options.total_bytes_per_second,
            "requests-per-second": options.requests_per_second,
            "first-byte-seconds": options.first_byte_seconds,
            "refuse-share": options.refused_share,
            "refuse-seconds": options.refused_seconds,
            "reset-share": options.reset_share,
            "stalls": options.stalls,
            "seed": options.seed,
        }
        flags = ["--still"] if options.still else []
        if options.tls:
            addresses = dict.fromkeys((_LOOPBACK, self.address))
            made = make_certificate(directory, *addresses)
            self.ca_bundle = made.authority
            arguments |= {"tls-cert": made.certificate, "tls-key": made.key}
        valued = (part for name, value in arguments.items() for part in (f"--{name}", str(value)))
        return [*valued, *flags]

    def is_ready(self) -> bool:
        """The port listens before the control socket does, and may be in another namespace."""
        self.counters()
        return True

    def counters(self) -> OriginCounters:
        return OriginCounters(**self._ask("counters"))

    def objects(self) -> dict[str, UploadedObject]:
        """What was uploaded, by ``bucket/key``."""
        found = self._ask("objects")["objects"]
        return {entry["key"]: UploadedObject(entry["size"], entry["crc32c"]) for entry in found}

    def clear(self) -> None:
        """Forget what was uploaded, and count from zero."""
        self._ask("clear")

    def _ask(self, command: str) -> dict[str, Any]:
        """One line to the control socket, one JSON document back."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(str(self._control))
            client.sendall(f"{command}\n".encode())
            with client.makefile("rb") as answer:
                document: dict[str, Any] = json.loads(answer.read())
        return document
