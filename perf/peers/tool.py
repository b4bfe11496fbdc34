"""Tool: a command line program of a peer."""

from __future__ import annotations

import subprocess

from perf.contender import Job, Unsuited
from tests.servers.process import find_program


def first_line(program: str, install: str, *arguments: str) -> str:
    """What it prints as its version; raises Missing."""
    path = find_program(program, install)
    done = subprocess.run([str(path), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0].strip()


def refuse_daemon(job: Job, name: str) -> None:
    """Raise Unsuited for a pull into a Docker daemon."""
    if job.docker_host:
        raise Unsuited(f"{name} moves files, and knows no Docker daemon")
