"""Docker: the daemon's own pull from a registry, unpacking included; it verifies itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from perf.contender import Command, Job, Unsuited
from perf.peers.tool import first_line
from tests.servers.process import find_program

_INSTALL = "apt-get install docker.io"


@dataclass(frozen=True)
class Docker:
    name: str = "docker"

    def version(self) -> str:
        return first_line("docker", _INSTALL, "--version")

    def command(self, job: Job, scratch: Path) -> Command:  # noqa: ARG002
        if job.action != "pull" or not (job.registry_image and job.docker_host):
            raise Unsuited("docker pulls from a registry into a daemon")
        program = str(find_program("docker", _INSTALL))
        pull = (program, "pull", "--quiet", job.registry_image)
        return Command(pull, {"DOCKER_HOST": job.docker_host})
