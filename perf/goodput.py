"""Goodput: what a service has sent when, while one of ours pulls from it."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from perf.s3lo_command import S3lo
from perf.setting import job_for, own_environment
from perf.stock import StockImage
from tests.servers import Origin, OriginOptions

_SAMPLE_SECONDS = 0.05

Sample = tuple[float, int]
"""Seconds since the first byte, and bytes sent."""


@dataclass(frozen=True)
class Course:
    """How a pull went, from its first byte to its end, and how many of its requests were refused."""

    samples: Sequence[Sample]
    refused: int

    def goodput(self, since: float, until: float) -> float:
        """Bytes a second between two moments."""
        within = [each for each in self.samples if since <= each[0] <= until]
        seconds = within[-1][0] - within[0][0] if within else 0.0
        return (within[-1][1] - within[0][1]) / seconds if seconds else 0.0

    @property
    def last_byte(self) -> float:
        """When the last byte had been sent."""
        return next(moment for moment, count in self.samples if count == self.samples[-1][1])

    @property
    def end(self) -> float:
        """When the pull was over."""
        return self.samples[-1][0]


def pull(image: StockImage, options: OriginOptions, cache: Path, by: S3lo | None = None) -> Course:
    """Pull an image from a service of its own, looking what that has sent."""
    with Origin(image.root, options) as origin, tempfile.TemporaryDirectory(dir=cache) as out:
        job = job_for("pull", image, origin.url, verified=True)
        command = (by or S3lo()).command(replace(job, out=out), Path(out))
        env = {**own_environment(), **command.env}
        running = subprocess.Popen(command.argv, env=env, stdout=subprocess.DEVNULL)
        samples: list[Sample] = []
        while running.poll() is None:
            samples.append((time.monotonic(), origin.counters().bytes_sent))
            time.sleep(_SAMPLE_SECONDS)
        if running.returncode:
            raise SystemExit(f"the pull ended with {running.returncode}")
        first = next(moment for moment, count in samples if count > 0)
        refused = origin.counters().refused
    return Course([(moment - first, count) for moment, count in samples], refused)
