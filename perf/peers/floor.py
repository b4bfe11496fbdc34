"""Floor: what plain sockets and OpenSSL in C take for the same bytes; nobody's tool, a bound."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from perf.contender import BLOBS, Command, Job, Unsuited
from perf.peers.tool import refuse_daemon
from tests.servers.native import native_program

_CONNECTIONS = 16


@dataclass(frozen=True)
class Floor:
    name: str = "floor"
    writes: bool = True
    """A pull that does not write measures the origin."""

    def version(self) -> str:
        native_program("floor")
        return "floor of this checkout"

    def command(self, job: Job, scratch: Path) -> Command:
        refuse_daemon(job, self.name)
        endpoint = urlsplit(job.endpoint_url)
        if endpoint.scheme != "http":
            raise Unsuited("floor knows no TLS")
        blobs = scratch / "blobs"
        blobs.write_text("".join(f"{blob.hex} {blob.size}\n" for blob in job.largest_first()))
        directory = job.files
        if job.action == "pull" and self.writes:
            directory.mkdir(parents=True, exist_ok=True)
        arguments = [
            *(str(native_program("floor")), job.action),
            *("--host", str(endpoint.hostname), "--port", str(endpoint.port or 80)),
            *("--prefix", f"/{job.bucket}/{BLOBS}/"),
            *("--out" if job.action == "pull" else "--from", str(directory)),
            *("--connections", str(_CONNECTIONS)),
            *(() if job.verified else ("--no-verify",)),
            *(() if self.writes or job.action == "push" else ("--no-write",)),
        ]
        line = f"exec {shlex.join(arguments)} < {shlex.quote(str(blobs))}"
        return Command(("sh", "-c", line))
