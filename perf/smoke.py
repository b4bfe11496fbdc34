"""Smoke: this checkout against the baseline commit, pair by pair, until the gate can tell."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from perf.check import WrongResult
from perf.contender import Contender
from perf.gate import (
    LEAST_PAIRS,
    Estimate,
    Verdict,
    estimate,
    is_time_to_look,
    judge,
    judge_at_last,
)
from perf.measure import RunFailed
from perf.rounds import Say, run_once
from perf.s3lo_command import HERE, NoSuchCommit, S3lo, tree_of, tree_of_checkout
from perf.setting import Setting, own_setting, scratch_directory
from perf.stock import stock_image
from perf.workload import WORKLOADS, Workload, find_workloads
from tests.servers import Missing, StartFailed

BASELINE = Path(__file__).parent / "baseline"
LIMIT_SECONDS = 130.0
"""For all workloads together, beside making their images: CI gives the whole of it 3 minutes."""
_MEMORY = Path("/dev/shm")
_LARGE_BYTES = 64 << 20
"""From here on the transfer, and not the start, is most of a run."""


@dataclass(frozen=True)
class Finding:
    """What the gate says of one workload."""

    workload: str
    verdict: Verdict
    estimate: Estimate
    ratios: tuple[float, ...]

    @classmethod
    def at_last(cls, workload: str, ratios: Sequence[float]) -> Finding:
        """When there will be no more pairs."""
        found = estimate(ratios)
        return cls(workload, judge_at_last(found), found, tuple(ratios))

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
    """Both on every workload of a folder, in turn, so that all see the same of a machine's moods.

    Large transfers are judged together too: a slower engine shows in both directions, and twice the
    pairs tell it from noise sooner than either half.
    """
    with ExitStack() as stack:
        courses = [
            Course(*stack.enter_context(_ready(workload, cache)))
            for workload in find_workloads(directory).values()
        ]
        run_pairs(courses, new, old, limit_seconds)
    findings = [Finding.at_last(course.name, course.ratios) for course in courses]
    transfers = [ratio for course in courses if course.is_large for ratio in course.ratios]
    if transfers:
        findings.append(Finding.at_last("transfers", transfers))
    for found in findings:
        say(str(found))
    return findings


@contextmanager
def _ready(workload: Workload, cache: Path) -> Iterator[tuple[Setting, Path]]:
    image = stock_image(workload.image, cache)
    # A disk's noise is not the commit's: pairs of pulls differ by 25% there, and by 15% here.
    has_room = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > 2 * image.total_bytes
    place = _MEMORY if has_room and os.access(_MEMORY, os.W_OK) else cache
    with scratch_directory(place) as scratch, own_setting(workload, image, scratch) as setting:
        yield setting, scratch


@dataclass
class Course:
    """A workload that is ready, and the pairs that were run on it."""

    setting: Setting
    scratch: Path
    ratios: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.setting.workload.name

    @property
    def is_large(self) -> bool:
        return self.setting.job.total_bytes >= _LARGE_BYTES

    def run_pair(self, new: Contender, old: Contender) -> float:
        """New to old. Who goes first alternates, so that being second is nobody's fate."""
        order = [new, old] if len(self.ratios) % 2 else [old, new]
        seconds = {
            each.name: run_once(self.setting, each, self.scratch).wall_seconds for each in order
        }
        return seconds[new.name] / seconds[old.name]

    def is_told(self) -> bool:
        """Whether the pairs so far suffice."""
        is_due = is_time_to_look(len(self.ratios))
        return is_due and judge(estimate(self.ratios)) is not Verdict.UNDECIDED


def run_pairs(
    courses: Sequence[Course], new: Contender, old: Contender, limit_seconds: float
) -> None:
    """A pair on each in turn until the gate can tell, or the time is up and it has what it needs
    at least. The first pairs are not counted: they fill caches."""
    deadline = time.monotonic() + limit_seconds
    for course in courses:
        course.run_pair(new, old)
    open_courses = list(courses)
    while open_courses:
        for course in open_courses:
            course.ratios.append(course.run_pair(new, old))
        is_late = time.monotonic() > deadline
        open_courses = [
            course
            for course in open_courses
            if not course.is_told() and not (is_late and len(course.ratios) >= LEAST_PAIRS)
        ]


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
        if revision or not is_partial_checkout():
            say(f"the baseline commit {baseline} is not in this repository: {missing}")
            return 2
        say(f"NOT COMPARED: this checkout has no history, so no commit {baseline}; fetch it")
        return 0
    except (Missing, StartFailed, RunFailed, WrongResult) as problem:
        say(f"the smoke run failed: {problem}")
        return 2
    slower = [found.workload for found in findings if found.verdict is Verdict.REGRESSION]
    say(f"slower than {baseline}: {', '.join(slower)}" if slower else f"not slower than {baseline}")
    return 1 if slower else 0


def is_partial_checkout() -> bool:
    """An export, or a shallow clone."""
    asked = ["git", "-C", str(HERE), "rev-parse", "--is-shallow-repository"]
    done = subprocess.run(asked, check=False, capture_output=True, text=True)
    return done.returncode != 0 or done.stdout.strip() == "true"
