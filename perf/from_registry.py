"""How long a copy out of a registry takes, to what it takes with a disk between.

    python -m perf.from_registry [--rounds 5] [--json FILE]

In each round, in turn, of a real image (PyTorch's and numpy's wheels), out of a registry on this
machine:

    skopeo        skopeo copy into an OCI layout
    push          of that layout into a bucket that has nothing
    copy          straight into a bucket that has nothing
    again         the same once more

and what the copy took of temporary space, and of memory: of its processes, and in files that lie in
memory.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from perf.figures import paired_ratio, spread
from perf.program import leave, parse
from perf.report.numbers import with_range
from perf.s3lo_command import S3lo
from perf.sampled import Space
from perf.setting import own_environment
from perf.stock import BUCKET, StockImage, stock_image
from perf.stored import check_stored, timed
from perf.workload import find_workloads
from tests.servers import Origin, OriginOptions, Registry
from tests.servers.process import find_program

_NAME = "perf/image:v1"


@dataclass(frozen=True)
class Round:
    """Seconds, and bytes of the copy."""

    skopeo: float
    push: float
    copy: float
    again: float
    temporary_bytes: int
    resident_bytes: int
    moved_bytes: int


def main() -> None:
    given = parse(__doc__)
    image = stock_image(find_workloads()["pull-pytorch"].image, given.cache)
    rounds: list[Round] = []
    with Registry() as registry, tempfile.TemporaryDirectory(dir=given.cache) as scratch:
        registry.push(f"oci:{image.layout}", _NAME, "--preserve-digests")
        for number in range(given.rounds + 1):
            each = _round(registry.host, image, Path(scratch))
            print(f"round {number}: {each}", flush=True)
            if number:
                rounds.append(each)
    leave(given, _summary(rounds), {"rounds": [asdict(each) for each in rounds]})


def _round(host: str, image: StockImage, scratch: Path) -> Round:
    layout = scratch / "layout"
    skopeo = str(find_program("skopeo", "apt-get install skopeo"))
    source = ["--src-tls-verify=false", f"docker://{host}/{_NAME}"]
    fetched, _ = timed([skopeo, "copy", "--quiet", *source, f"oci:{layout}:v1"])
    options = OriginOptions(sink="memory")
    with tempfile.TemporaryDirectory() as nothing, Origin(Path(nothing), options) as origin:
        pushed, _ = _s3lo(origin, scratch, "push", f"oci:{layout}", f"s3://{BUCKET}/app:v1")
    shutil.rmtree(layout)
    verb = ("copy", f"{host}/{_NAME}", f"s3://{BUCKET}/app:v1", "-o", "json")
    with tempfile.TemporaryDirectory() as nothing, Origin(Path(nothing), options) as origin:
        with Space(scratch / "tmp") as space:
            copied, told = _s3lo(origin, scratch, *verb)
        check_stored(origin, "v1", image.manifest["config"]["digest"])
        again, _ = _s3lo(origin, scratch, *verb)
    result: dict[str, Any] = json.loads(told)
    resident = result["engine"]["peak_rss_bytes"]
    moved = result["bytes_transferred"]
    return Round(fetched, pushed, copied, again, space.peak_bytes, resident, moved)


def _s3lo(origin: Origin, scratch: Path, *verb: str) -> tuple[float, str]:
    command = S3lo().command_of(verb, origin.url, scratch / "tmp")
    return timed(command.argv, {**own_environment(), **command.env})


def _summary(rounds: Sequence[Round]) -> dict[str, str]:
    both = [each.skopeo + each.push for each in rounds]
    copies = [each.copy for each in rounds]
    return {
        "skopeo copy, s": with_range(spread([each.skopeo for each in rounds]), 2),
        "push of the layout, s": with_range(spread([each.push for each in rounds]), 2),
        "copy, s": with_range(spread(copies), 2),
        "copy to both together": with_range(paired_ratio(copies, both), 2),
        "once more, s": with_range(spread([each.again for each in rounds]), 2),
        "temporary space, MB": f"{max(each.temporary_bytes for each in rounds) / 1e6:.1f}",
        "memory, MiB": f"{max(each.resident_bytes for each in rounds) / 2**20:.0f}",
    }


if __name__ == "__main__":
    main()
