"""Goodput against worker processes and CPUs, and how near s3lo's own choice comes to the best.

    python -m perf.processes [--rounds 5] [--json FILE]

The image of pull-unlimited, hashed and not, on 1, 2, 4 ... and all CPUs, in turn: by s3lo as it is, by no
worker process and by 1, 2, 4 and 8. The service may use all CPUs throughout.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace

from msgspec import structs

from perf.figures import Spread
from perf.outcome import Outcome
from perf.program import Given, leave, parse
from perf.report.numbers import with_range
from perf.report.standing import standings
from perf.rounds import run_rounds
from perf.s3lo_command import S3lo
from perf.setting import own_setting, scratch_directory
from perf.stock import stock_image
from perf.workload import find_workloads
from tests.servers.process import find_program

_PROCESSES = (0, 1, 2, 4, 8)


@dataclass(frozen=True)
class Scaling:
    """On so many CPUs: median goodput by what was asked for, and s3lo's own time to that of the best."""

    cpus: int
    verified: bool
    goodput_gbps: dict[str, float]
    best: str
    to_best: Spread

    def __str__(self) -> str:
        goodput = ", ".join(f"{name} {value:.1f}" for name, value in self.goodput_gbps.items())
        to_best = with_range(self.to_best, 2)
        return f"{goodput} Gbit/s; time to that of {self.best}: {to_best}"


def main() -> None:
    given = parse(__doc__)
    found = []
    for verified in (True, False):
        found.extend(_on_cpus(verified, given))
    summary = {
        f"{'hashed' if each.verified else 'not hashed'}, CPUs {each.cpus}": str(each)
        for each in found
    }
    leave(given, summary, {"scaling": [asdict(each) for each in found]})


def _on_cpus(verified: bool, given: Given) -> list[Scaling]:
    """By pullers that may use one CPU, two, four and so on."""
    unlimited = find_workloads()["pull-unlimited"]
    workload = structs.replace(unlimited, contenders=(), verified=verified)
    image = stock_image(workload.image, given.cache)
    found = []
    with ExitStack() as stack:
        scratch = stack.enter_context(scratch_directory(given.cache))
        setting = stack.enter_context(own_setting(workload, image, scratch))
        usable = sorted(os.sched_getaffinity(0))
        for count in steps(len(usable)):
            on = replace(setting, prefix=_only(usable[:count]))
            outcome = run_rounds(on, _contenders(), given.rounds, scratch, _say)
            found.append(scaling(outcome, count))
            _say(f"{count} CPUs: {found[-1]}")
    return found


def _contenders() -> list[S3lo]:
    fixed = [S3lo(f"processes-{n}", options=("--processes", str(n))) for n in _PROCESSES]
    return [S3lo(), *fixed]


def steps(cpus: int) -> list[int]:
    """1, 2, 4 and so on, and all."""
    powers = [1 << bit for bit in range(cpus.bit_length())]
    return sorted({*powers, cpus})


def _only(cpus: Sequence[int]) -> tuple[str, ...]:
    """What runs a command on these CPUs alone."""
    taskset = find_program("taskset", "apt-get install util-linux")
    return (str(taskset), "--cpu-list", ",".join(map(str, cpus)))


def scaling(outcome: Outcome, cpus: int) -> Scaling:
    """Of the runs on so many CPUs, s3lo's own choice among them."""
    every = standings(outcome)
    best, to_best = next((each.name, each.ratio) for each in every if each.ratio)
    goodput = {each.name: each.goodput_gbps for each in every}
    return Scaling(
        cpus=cpus,
        verified=outcome.verified,
        goodput_gbps={name: goodput[name] for name in outcome.contenders},
        best=best,
        to_best=to_best,
    )


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
