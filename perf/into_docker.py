"""A second image into Docker, that shares three of its four layers with one that is there.

    python -m perf.into_docker [--rounds 5] [--json FILE]

In each round, in turn, by s3lo from an origin and by ``docker pull`` from a registry with the same
blobs: the first image, and then, on the clock, the second. What s3lo says that it moved has to be
the fourth layer and the documents, no more.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import s3lo
from perf.check import docker
from perf.figures import paired_ratio, spread
from perf.program import leave, parse
from perf.report.numbers import with_range
from perf.s3lo_command import S3lo
from perf.setting import own_environment
from perf.stock import BUCKET
from tests.images import Image, image_of, sized_image, write_oci_layout
from tests.servers import Dockerd, Origin, Registry
from tests.servers.process import find_program

_LAYER_BYTES = 128 << 20


@dataclass(frozen=True)
class Round:
    """Seconds, and what s3lo moved."""

    s3lo: float
    docker: float
    bytes_transferred: int


def main() -> None:
    given = parse(__doc__)
    rounds: list[Round] = []
    with tempfile.TemporaryDirectory(dir=given.cache) as directory:
        scratch = Path(directory)
        images = _images(scratch)
        (scratch / "root").mkdir()
        with Origin(scratch / "root") as origin, Registry() as registry, Dockerd() as dockerd:
            for tag, image in images.items():
                _fill(image, tag, scratch, registry.host)
            for number in range(given.rounds + 1):
                found = _round(origin.url, registry.host, dockerd.host, images, scratch)
                print(f"round {number}: {found}", flush=True)
                if number:
                    rounds.append(found)
    summary = {
        "s3lo, s": with_range(spread([each.s3lo for each in rounds]), 2),
        "docker pull, s": with_range(spread([each.docker for each in rounds]), 2),
        "s3lo to docker pull": with_range(
            paired_ratio([each.s3lo for each in rounds], [each.docker for each in rounds]), 2
        ),
        "moved, of a layer": f"{rounds[0].bytes_transferred / _LAYER_BYTES:.4f}",
    }
    leave(given, summary, {"rounds": [asdict(each) for each in rounds]})


def _images(scratch: Path) -> dict[str, Image]:
    """Two, the second with another topmost layer."""
    (scratch / "a").mkdir()
    first = sized_image(scratch / "a", (_LAYER_BYTES,) * 4, seed=1)
    (scratch / "b").mkdir()
    [top] = sized_image(scratch / "b", (_LAYER_BYTES,), seed=2).layers
    return {"v1": first, "v2": image_of([*first.layers[:3], top])}


def _fill(image: Image, tag: str, scratch: Path, registry: str) -> None:
    """The same blobs into the bucket and into the registry."""
    layout = scratch / f"layout-{tag}"
    write_oci_layout(image, layout)
    root = scratch / "root" / BUCKET
    (root / "blobs").mkdir(parents=True, exist_ok=True)
    s3lo.push(f"oci:{layout}", f"local://{root}/app:{tag}")
    skopeo = str(find_program("skopeo", "apt-get install skopeo"))
    target = ("--dest-tls-verify=false", f"docker://{registry}/app:{tag}")
    subprocess.run([skopeo, "copy", "--quiet", f"oci:{layout}", *target], check=True)


def _round(url: str, registry: str, host: str, images: Mapping[str, Image], scratch: Path) -> Round:
    def by_s3lo(tag: str) -> Mapping[str, Any]:
        verb = ("pull", f"s3://{BUCKET}/app:{tag}", f"app:{tag}")
        command = S3lo().command_of(verb, url, scratch / "tmp")
        env = {**own_environment(), **command.env, "DOCKER_HOST": host}
        done = subprocess.run(command.argv, env=env, check=True, capture_output=True)
        result: Mapping[str, Any] = json.loads(done.stdout)
        return result

    def by_docker(tag: str) -> None:
        done = docker(host, "pull", "--quiet", f"{registry}/app:{tag}")
        if done.returncode:
            raise SystemExit(done.stderr)

    _forget(host)
    by_s3lo("v1")
    started_at = time.perf_counter()
    moved = by_s3lo("v2")["bytes_transferred"]
    ours = time.perf_counter() - started_at
    _check(host, "app:v2", images["v2"])
    _forget(host)
    by_docker("v1")
    started_at = time.perf_counter()
    by_docker("v2")
    theirs = time.perf_counter() - started_at
    _check(host, f"{registry}/app:v2", images["v2"])
    return Round(ours, theirs, moved)


def _check(host: str, name: str, image: Image) -> None:
    found = docker(host, "inspect", "--format", "{{.Id}}", name)
    if found.stdout.strip() != image.id:
        raise SystemExit(f"{name} is {found.stdout.strip()}, not {image.id}")


def _forget(host: str) -> None:
    ids = docker(host, "images", "--all", "--quiet", "--no-trunc").stdout.split()
    if ids:
        docker(host, "rmi", "--force", *set(ids))


if __name__ == "__main__":
    main()
