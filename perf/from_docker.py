"""How long a push out of Docker takes, to that of ``docker save`` alone.

    python -m perf.from_docker [--rounds 5] [--json FILE]

In each round, in turn, of a real image (PyTorch's and numpy's wheels):

    save          docker save, to /dev/null: what no push can do without
    push          into a bucket that has nothing
    changed       the same image below another topmost layer, into a bucket that has the first
    unchanged     the first once more
    layout        the same image from an OCI layout, once more; and with how many requests for its blobs

and what the push took of temporary space at its most, to the largest layer it stored, and what it
stored, to what gzip -6 makes of the layers.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from perf.check import docker
from perf.figures import paired_ratio, spread
from perf.program import leave, parse
from perf.report.numbers import with_range
from perf.s3lo_command import S3lo
from perf.sampled import Space
from perf.setting import own_environment
from perf.stock import BUCKET, StockImage, plain_layer, stock_image
from perf.stored import check_stored, timed
from perf.workload import find_workloads
from tests.servers import Dockerd, Origin, OriginOptions
from tests.servers.process import find_program

_IMAGE, _CHANGED = "perf/image:v1", "perf/image:v2"


@dataclass(frozen=True)
class Round:
    """Seconds, and bytes of one push."""

    save: float
    push: float
    changed: float
    unchanged: float
    layout: float
    layout_requests: int
    layout_blobs: int
    temporary_bytes: int
    largest_stored_bytes: int
    stored_bytes: int


def main() -> None:
    given = parse(__doc__)
    image = stock_image(find_workloads()["pull-pytorch"].image, given.cache)
    gzip_bytes = _gzip_bytes(image)
    rounds: list[Round] = []
    with Dockerd() as dockerd, tempfile.TemporaryDirectory(dir=given.cache) as scratch:
        _fill(dockerd, image, Path(scratch))
        for number in range(given.rounds + 1):
            each = _round(dockerd.host, image, Path(scratch))
            print(f"round {number}: {each}", flush=True)
            if number:
                rounds.append(each)
    found = {"gzip_bytes": gzip_bytes, "rounds": [asdict(each) for each in rounds]}
    leave(given, _summary(rounds, gzip_bytes), found)


def _fill(dockerd: Dockerd, image: StockImage, scratch: Path) -> None:
    """The image, and the same with one more file in another topmost layer."""
    skopeo = str(find_program("skopeo", "apt-get install skopeo"))
    target = ("--dest-daemon-host", dockerd.host, f"docker-daemon:{_IMAGE}")
    subprocess.run([skopeo, "copy", "--quiet", f"oci:{image.layout}", *target], check=True)
    (scratch / "file").write_bytes(hashlib.shake_128(b"a change").digest(10_000_000))
    container = _docker(dockerd.host, "create", _IMAGE, "/none").strip()
    _docker(dockerd.host, "cp", str(scratch / "file"), f"{container}:/changed")
    _docker(dockerd.host, "commit", container, _CHANGED)
    _docker(dockerd.host, "rm", container)


def _docker(host: str, *arguments: str) -> str:
    done = docker(host, *arguments)
    if done.returncode:
        raise SystemExit(f"docker {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def _round(host: str, image: StockImage, scratch: Path) -> Round:
    save, _ = timed(["sh", "-c", f"docker --host {host} save {_IMAGE} >/dev/null"])
    with tempfile.TemporaryDirectory() as nothing:
        options = OriginOptions(sink="memory")
        with Origin(Path(nothing), options) as origin, Space(scratch / "tmp") as space:
            push = _push(origin, host, _IMAGE, "v1", scratch)
            stored = check_stored(origin, "v1", _id(host, _IMAGE))
            temporary = space.peak_bytes
            changed = _push(origin, host, _CHANGED, "v2", scratch)
            check_stored(origin, "v2", _id(host, _CHANGED))
            unchanged = _push(origin, host, _IMAGE, "v3", scratch)
            check_stored(origin, "v3", _id(host, _IMAGE))
            source = f"oci:{image.layout}"
            _push(origin, host, source, "v4", scratch)
            before = origin.counters().requests_total
            layout = _push(origin, host, source, "v5", scratch)
            requests = origin.counters().requests_total - before
    sizes = temporary, max(stored), sum(stored)
    return Round(save, push, changed, unchanged, layout, requests, len(image.blobs), *sizes)


def _push(origin: Origin, host: str, source: str, tag: str, scratch: Path) -> float:
    verb = ("push", source, f"s3://{BUCKET}/app:{tag}")
    command = S3lo().command_of(verb, origin.url, scratch / "tmp")
    env = {**own_environment(), **command.env, "DOCKER_HOST": host}
    env["XDG_CACHE_HOME"] = str(scratch / "cache")
    seconds, _ = timed(command.argv, env)
    return seconds


def _id(host: str, name: str) -> str:
    return _docker(host, "inspect", "--format", "{{.Id}}", name).strip()


def _gzip_bytes(image: StockImage) -> int:
    """What gzip -6 makes of the layers, each as one stream."""

    def packed(descriptor: dict[str, Any]) -> int:
        outer = zlib.compressobj(6)
        size = sum(len(outer.compress(piece)) for piece in plain_layer(image, descriptor))
        return size + len(outer.flush())

    with ThreadPoolExecutor() as pool:
        return sum(pool.map(packed, image.manifest["layers"]))


def _summary(rounds: Sequence[Round], gzip_bytes: int) -> dict[str, str]:
    saves = [each.save for each in rounds]

    def ratio(values: Sequence[float], to: Sequence[float]) -> str:
        return with_range(paired_ratio(values, to), 2)

    extra = [each.changed - each.save for each in rounds]
    largest = [float(each.largest_stored_bytes) for each in rounds]
    return {
        "docker save, s": with_range(spread(saves), 2),
        "push, s": with_range(spread([each.push for each in rounds]), 2),
        "push to docker save": ratio([each.push for each in rounds], saves),
        "with another topmost layer, s beyond docker save": with_range(spread(extra), 2),
        "unchanged, s": with_range(spread([each.unchanged for each in rounds]), 2),
        "a layout once more, s": with_range(spread([each.layout for each in rounds]), 2),
        "its requests": f"{rounds[0].layout_requests} for {rounds[0].layout_blobs} blobs and the tag",
        "temporary space to the largest layer": ratio(
            [float(each.temporary_bytes) for each in rounds], largest
        ),
        "stored to gzip -6": f"{rounds[0].stored_bytes / gzip_bytes:.3f}",
    }


if __name__ == "__main__":
    main()
