"""Smoke: this checkout against the baseline commit, pair by pair, until the gate can tell."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perf.contender import Contender
from perf.gate import Estimate, Verdict, estimate, is_time_to_look, judge, judge_at_last
from perf.rounds import Say, run_once
from perf.s3lo_command import HERE, NoSuchCommit, S3lo, tree_of, tree_of_checkout
from perf.setting import Setting, own_setting
from perf.stock import stock_image
from perf.workload import WORKLOADS, Workload, find_workloads

BASELINE = Path(__file__).parent / "baseline"
LIMIT_SECONDS = 90.0
"""For all workloads together, beside making their images: CI gives the whole of it 3 minutes."""
_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Finding:
    """What the gate says of one workload."""

    workload: str
    verdict: Verdict
    estimate: Estimate
    ratios: tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.workload:12} {self.verdict.value:10} new to old {self.estimate}"


def smoke(baseline: str, cache: Path, say: Say) -> list[Finding]:
    """Compare this checkout with a commit on all smoke workloads; raises NoSuchCommit."""
    with tree_of(baseline) as old, tree_of_checkout() as new:
        return compare(S3lo("s3lo", new), S3lo("baseline", old), cache, say)


def compare(
    new: Contender,
    old: Contender,
    cache: Path,
    say: Say,
    limit_seconds: float = LIMIT_SECONDS,
    directory: Path = WORKLOADS / "smoke",
) -> list[Finding]:
    """Both on every workload of a folder. Each may use an equal share of the time that is left."""
    workloads = list(find_workloads(directory).values())
    findings = []
    for number, workload in enumerate(workloads):
        started_at = time.monotonic()
        with _ready(workload, cache) as (setting, scratch):
            share = limit_seconds / (len(workloads) - number)
            findings.append(compare_on(setting, new, old, scratch, share))
        limit_seconds -= time.monotonic() - started_at
        say(str(findings[-1]))
    return findings


@contextmanager
def _ready(workload: Workload, cache: Path) -> Iterator[tuple[Setting, Path]]:
    image = stock_image(workload.image, cache)
    # A disk's noise is not the commit's: pairs of pulls differ by 25% there, and by 15% here.
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else cache
    scratch = Path(tempfile.mkdtemp(prefix="s3lo-perf-", dir=place))
    try:
        with own_setting(workload, image, scratch) as setting:
            yield setting, scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def compare_on(
    setting: Setting, new: Contender, old: Contender, scratch: Path, limit_seconds: float
) -> Finding:
    """Run pairs until the gate can tell, or the time is up. The first pair is not counted: it
    fills caches and compiles modules."""
    deadline = time.monotonic() + limit_seconds
    _pair(setting, [new, old], scratch)
    ratios: list[float] = []
    while True:
        # Who goes first alternates, so that being second is nobody's fate.
        order = [new, old] if len(ratios) % 2 else [old, new]
        seconds = _pair(setting, order, scratch)
        ratios.append(seconds[new.name] / seconds[old.name])
        found = estimate(ratios)
        if is_time_to_look(len(ratios)) and judge(found) is not Verdict.UNDECIDED:
            break
        if time.monotonic() > deadline:
            break
    return Finding(setting.workload.name, judge_at_last(found), found, tuple(ratios))


def _pair(setting: Setting, order: Sequence[Contender], scratch: Path) -> dict[str, float]:
    return {each.name: run_once(setting, each, scratch).wall_seconds for each in order}


def baseline_commit() -> str:
    """The commit that this checkout must not be slower than; moved on purpose, with a reason."""
    lines = BASELINE.read_text("utf-8").splitlines()
    return next(line.split()[0] for line in lines if line and not line.startswith("#"))


def run_smoke(revision: str | None, cache: Path, say: Say) -> int:
    """The gate as CI runs it; gives the exit status."""
    baseline = revision or baseline_commit()
    try:
        findings = smoke(baseline, cache, say)
    except NoSuchCommit as missing:
        if revision or not _is_partial_checkout():
            say(f"the baseline commit {baseline} is not in this repository: {missing}")
            return 2
        say(f"NOT COMPARED: this checkout has no history, so no commit {baseline}; fetch it")
        return 0
    slower = [found.workload for found in findings if found.verdict is Verdict.REGRESSION]
    say(f"slower than {baseline}: {', '.join(slower)}" if slower else f"not slower than {baseline}")
    return 1 if slower else 0


def _is_partial_checkout() -> bool:
    """An export, or a shallow clone."""
    asked = ["git", "-C", str(HERE), "rev-parse", "--is-shallow-repository"]
    done = subprocess.run(asked, check=False, capture_output=True, text=True)
    return done.returncode != 0 or done.stdout.strip() == "true"
