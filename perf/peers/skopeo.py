"""Skopeo: an image from a registry into a layout or into a Docker daemon; it verifies itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from perf.contender import Command, Job, Unsuited
from perf.peers.tool import first_line
from tests.servers.process import find_program

_INSTALL = "apt-get install skopeo"


@dataclass(frozen=True)
class Skopeo:
    name: str = "skopeo"

    def version(self) -> str:
        return first_line("skopeo", _INSTALL, "--version")

    def command(self, job: Job, scratch: Path) -> Command:  # noqa: ARG002
        if job.action != "pull" or not job.registry_image:
            raise Unsuited("skopeo pulls from a registry")
        program = str(find_program("skopeo", _INSTALL))
        # The policy that a distribution ships may ask for signatures.
        copy = [program, "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"]
        source = f"docker://{job.registry_image}"
        if job.docker_host:
            daemon = f"--dest-daemon-host={job.docker_host}"
            return Command((*copy, daemon, source, f"docker-daemon:{job.image}"))
        return Command((*copy, source, f"oci:{job.out}"))
