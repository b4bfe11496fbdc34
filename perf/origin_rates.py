"""Whether the origin is fast enough to measure others by: against nginx and a real S3 service.

    python -m perf.origin_rates [--rounds 7] [--json FILE]

GET: 4 x 1 GiB in ranges of 8 MiB, read by ``floor`` without hashing or writing, from our origin and
from nginx. PUT: multipart uploads of 4 x 256 MiB by awscrt, to our origin and to SeaweedFS. In turn,
after one round that is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

from perf.contender import Contender, Job
from perf.figures import paired_ratio, spread
from perf.machine import read_machine
from perf.measure import measure
from perf.peers import PEERS
from perf.peers.floor import Floor
from perf.report.numbers import with_range
from perf.s3lo_command import HERE
from perf.setting import job_for
from perf.stock import BUCKET, StockImage, default_cache, stock_image
from perf.workload import Shape
from tests.servers import Nginx, Origin, SeaweedS3

_GET = Shape(blobs=4, blob_size="1GiB")
_PUT = Shape(blobs=4, blob_size="256MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cache", type=Path, default=default_cache())
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="s3lo-perf-", dir=given.cache) as scratch:
        gets = measure_gets(stock_image(_GET, given.cache), given.rounds, Path(scratch))
        puts = measure_puts(stock_image(_PUT, given.cache), given.rounds, Path(scratch))
    for verb, walls, other in (("GET", gets, "nginx"), ("PUT", puts, "seaweedfs")):
        ours, theirs = (f"{with_range(spread(walls[name]), 2)} s" for name in ("origin", other))
        rate = with_range(paired_ratio(walls[other], walls["origin"]), 2)
        print(f"{verb}: origin {ours}, {other} {theirs}; rate {rate} x {other}'s")
    if given.json:
        machine = asdict(read_machine(given.cache))
        text = json.dumps({"machine": machine, "get_seconds": gets, "put_seconds": puts}, indent=2)
        given.json.write_text(text + "\n")


def measure_gets(image: StockImage, rounds: int, scratch: Path) -> dict[str, list[float]]:
    with Origin(image.root) as origin, Nginx(image.root) as nginx:
        urls = {"origin": origin.url, "nginx": nginx.url}
        jobs = {name: job_for("pull", image, url, verified=False) for name, url in urls.items()}
        return _in_turn(Floor(writes=False), jobs, {}, rounds, scratch)


def measure_puts(image: StockImage, rounds: int, scratch: Path) -> dict[str, list[float]]:
    with ExitStack() as stack:
        nothing = scratch / "nothing"
        nothing.mkdir()
        origin = stack.enter_context(Origin(nothing))
        seaweed = stack.enter_context(SeaweedS3())
        seaweed.create_bucket(BUCKET)
        urls = {"origin": origin.url, "seaweedfs": seaweed.endpoint_url}
        jobs = {name: job_for("push", image, url, verified=False) for name, url in urls.items()}
        return _in_turn(PEERS["awscrt"], jobs, seaweed.env(), rounds, scratch)


def _in_turn(
    client: Contender,
    jobs: Mapping[str, Job],
    env: Mapping[str, str],
    rounds: int,
    scratch: Path,
) -> dict[str, list[float]]:
    """Wall seconds of one client against each server."""
    walls: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(rounds + 1):
        for name, job in jobs.items():
            with tempfile.TemporaryDirectory(dir=scratch) as out:
                command = client.command(replace(job, out=out), scratch)
                variables = {**os.environ, "PYTHONPATH": str(HERE), **env, **command.env}
                cost = measure([command.argv], variables, scratch)
            if number:
                walls[name].append(cost.wall_seconds)
    return walls


if __name__ == "__main__":
    main()
