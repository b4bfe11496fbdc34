"""How soon a pull is as fast as before when a service that throttled it throttles no more.

    python -m perf.recovery [--rounds 5] [--json FILE]

The service gives 300 MB/s in all. It answers 30% of the requests with 503 for the first two seconds,
then none; in turn with one that never does. Goodput is what it sent in half a second.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from perf.figures import spread
from perf.program import leave, parse
from perf.report.numbers import with_range
from perf.s3lo_command import S3lo
from perf.setting import job_for, own_environment
from perf.stock import StockImage, stock_image
from perf.workload import Shape
from tests.servers import Origin, OriginOptions

_SHAPE = Shape(blobs=4, blob_size="512MiB")
_BYTES_PER_SECOND = 300_000_000
_THROTTLED = OriginOptions(
    total_bytes_per_second=_BYTES_PER_SECOND, refused_share=0.3, refused_seconds=2.0
)
_CLEAN = OriginOptions(total_bytes_per_second=_BYTES_PER_SECOND)
_SAMPLE_SECONDS = 0.05
_LOOK_SECONDS = 0.5
_BACK = 0.9

Sample = tuple[float, int]
"""Seconds since the first byte, and bytes sent."""


def main() -> None:
    given = parse(__doc__)
    image = stock_image(_SHAPE, given.cache)
    found = []
    for number in range(given.rounds + 1):
        clean, _ = pull(image, _CLEAN, given.cache)
        throttled, refused = pull(image, _THROTTLED, given.cache)
        if number:
            found.append(seconds_until_back(clean, throttled))
            print(f"round {number}: {refused} refusals, back after {found[-1]:.2f} s", flush=True)
    leave(given, {"back after, s": with_range(spread(found), 2)}, {"seconds": found})


def pull(image: StockImage, options: OriginOptions, cache: Path) -> tuple[list[Sample], int]:
    """What the service had sent when, and how many requests it refused."""
    with Origin(image.root, options) as origin, tempfile.TemporaryDirectory(dir=cache) as out:
        job = job_for("pull", image, origin.url, verified=True)
        command = S3lo().command(replace(job, out=out), Path(out))
        env = {**own_environment(), **command.env}
        running = subprocess.Popen(command.argv, env=env, stdout=subprocess.DEVNULL)
        samples: list[Sample] = []
        while running.poll() is None:
            samples.append((time.monotonic(), origin.counters().bytes_sent))
            time.sleep(_SAMPLE_SECONDS)
        if running.returncode:
            raise SystemExit(f"the pull ended with {running.returncode}")
        first = next(moment for moment, count in samples if count > 0)
        return [(moment - first, count) for moment, count in samples], origin.counters().refused


def seconds_until_back(clean: Sequence[Sample], throttled: Sequence[Sample]) -> float:
    """From the last refusal until goodput was at 0.9 of the clean run's."""
    usual = statistics.median(goodput(clean, moment) for moment, _ in middle_of(clean))
    for moment, _ in throttled:
        if moment >= _THROTTLED.refused_seconds and goodput(throttled, moment) >= _BACK * usual:
            return moment - _THROTTLED.refused_seconds
    raise SystemExit("it never was as fast as before")


def goodput(samples: Sequence[Sample], moment: float) -> float:
    """Bytes a second in the half second before a moment."""
    before = [each for each in samples if moment - _LOOK_SECONDS <= each[0] <= moment]
    seconds = before[-1][0] - before[0][0]
    return (before[-1][1] - before[0][1]) / seconds if seconds else 0.0


def middle_of(samples: Sequence[Sample]) -> Sequence[Sample]:
    return samples[len(samples) // 4 : -len(samples) // 4]


if __name__ == "__main__":
    main()
