"""PythonPeer: a library, used by a client of a few dozen lines in a process of its own."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from perf.contender import Command, Job
from perf.peers.tool import refuse_daemon
from tests.servers import Missing


@dataclass(frozen=True)
class PythonPeer:
    """Runs ``perf.peers.<client>`` with the job as a file."""

    name: str
    distribution: str
    client: str
    arguments: tuple[str, ...] = ()

    def version(self) -> str:
        try:
            return f"{self.distribution} {metadata.version(self.distribution)}"
        except metadata.PackageNotFoundError:
            raise Missing(f"no {self.distribution} here: pip install {self.distribution}") from None

    def command(self, job: Job, scratch: Path) -> Command:
        refuse_daemon(job, self.name)
        path = scratch / "job.json"
        job.save(path)
        module = f"perf.peers.{self.client}"
        return Command((sys.executable, "-m", module, str(path), *self.arguments))
