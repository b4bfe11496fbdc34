"""The performance suite's command.

python -m perf --list                     what there is
python -m perf pull-unlimited             one workload against its peers
python -m perf --all --results DIR        all of them, with JSON, Markdown and plots in DIR
python -m perf --smoke                    this checkout against the baseline commit, as in CI
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from perf.check import WrongResult
from perf.contender import Contender
from perf.folder import report
from perf.machine import read_machine
from perf.measure import RunFailed
from perf.outcome import Outcome
from perf.peers import PEERS
from perf.rounds import run_rounds
from perf.s3lo_command import FIXED_WINDOWS, S3lo, tree_of
from perf.service import Service
from perf.setting import Setting, own_setting, scratch_directory, service_setting
from perf.smoke import run_smoke
from perf.stock import StockImage, default_cache, stock_image
from perf.workload import Workload, find_workloads
from tests.servers import Missing, StartFailed

_OTHERS: Mapping[str, Contender] = {**PEERS, **FIXED_WINDOWS}


def main() -> int:
    given = _parser().parse_args()
    # Servers and their directories go away in order.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    workloads = find_workloads()
    if given.list:
        for workload in workloads.values():
            print(f"{workload.name:26} {workload.about}")
        return 0
    if given.smoke:
        return run_smoke(given.baseline, given.cache, lambda text: print(text, flush=True))
    names = list(workloads) if given.all else given.workloads
    unknown = sorted(set(names) - set(workloads)) + sorted(set(given.peers or ()) - set(_OTHERS))
    if unknown or not names:
        wanted = ", ".join(unknown) or "nothing"
        _say(f"{wanted}: no workload (--list shows them) and no peer ({', '.join(_OTHERS)})")
        return 2
    return _run_all([workloads[name] for name in names], given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m perf", description="s3lo against the machine and against its peers."
    )
    add = parser.add_argument
    add("workloads", nargs="*", help="names; --list shows them")
    add("--all", action="store_true", help="every workload")
    add("--list", action="store_true", help="show the workloads and end")
    add("--smoke", action="store_true", help="compare with the baseline commit, as CI does")
    add("--baseline", metavar="REV", help="this project at another commit as one more contender")
    add("--peers", type=lambda text: text.split(","), help="only these, comma-separated")
    add("--rounds", type=int, default=5, help="counted ones; one more is run first")
    add("--results", type=Path, metavar="DIR", help="add to the JSON, Markdown and plots there")
    add("--cache", type=Path, default=default_cache(), help="where images are kept")
    add("--endpoint", help="a real S3 service, with the credentials of the environment")
    add("--bucket", help="a bucket there that nothing else lives in")
    add("--region", default="us-east-1")
    return parser


def _run_all(workloads: Sequence[Workload], given: argparse.Namespace) -> int:
    """Run workloads one after the other; what cannot run here, or fails, does not end the rest."""
    service = _service(given)
    # Runs write to the file system of the cache; asked once, since a long suite may see midnight.
    given.cache.mkdir(parents=True, exist_ok=True)
    machine = read_machine(given.cache)
    measured, failed = 0, 0
    with ExitStack() as stack:
        baseline = stack.enter_context(tree_of(given.baseline)) if given.baseline else None
        ours: list[Contender] = [S3lo()]
        if baseline:
            ours.append(S3lo("baseline", baseline))
        for workload in workloads:
            _say(f"{workload.name}: {workload.about}")
            if service and workload.needs_own_origin:
                _say("  skipped: it needs what a real service cannot be given")
                continue
            try:
                outcome = _run(workload, ours, given, service)
            except Missing as reason:
                _say(f"  skipped: {reason}")
            except (RunFailed, WrongResult, StartFailed, subprocess.CalledProcessError) as problem:
                failed += 1
                _say(f"  failed: {problem}")
            else:
                measured += 1
                report(outcome, machine, given.results)
    return 0 if measured and not failed else 1


def _service(given: argparse.Namespace) -> Service | None:
    if bool(given.endpoint) != bool(given.bucket):
        raise SystemExit("--endpoint and --bucket go together")
    return Service(given.endpoint, given.bucket, given.region) if given.endpoint else None


def _run(
    workload: Workload,
    ours: Sequence[Contender],
    given: argparse.Namespace,
    service: Service | None,
) -> Outcome:
    image = stock_image(workload.image, given.cache)
    names = [n for n in workload.contenders if given.peers is None or n in given.peers]
    contenders = [*ours, *(_OTHERS[name] for name in names)]
    with (
        scratch_directory(given.cache) as scratch,
        _setting(workload, image, scratch, service) as setting,
    ):
        return run_rounds(setting, contenders, given.rounds, scratch, _say)


def _setting(
    workload: Workload, image: StockImage, scratch: Path, service: Service | None
) -> AbstractContextManager[Setting]:
    if service:
        return service_setting(workload, image, scratch, service)
    return own_setting(workload, image, scratch)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
