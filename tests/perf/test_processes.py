"""How s3lo's own number of processes is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from perf.contender import Blob, Job
from perf.outcome import Outcome, Run
from perf.processes import scaling, steps
from perf.s3lo_command import S3lo


def outcome(**seconds: list[float]) -> Outcome:
    """Of 1 GB, by contender and round."""
    rounds = zip(*seconds.values(), strict=True)
    return Outcome(
        workload="pull-unlimited",
        about="A.",
        payload_bytes=1_000_000_000,
        verified=True,
        checked="every byte",
        conditions="no limits",
        versions=dict.fromkeys(seconds, "1"),
        rounds=tuple(
            {name: Run(wall, 0.0, 0, None) for name, wall in zip(seconds, walls, strict=True)}
            for walls in rounds
        ),
        left_out={},
    )


def test_the_best_is_the_one_whose_median_is_least() -> None:
    found = scaling(outcome(s3lo=[3, 3, 3], one=[2, 2, 9], two=[1, 4, 4]), cpus=2)
    assert found.best == "one"
    assert found.goodput_gbps["one"] == pytest.approx(4.0)


def test_a_choice_is_held_against_the_best_round_by_round() -> None:
    """All were twice as slow in the second round, which says nothing about the choice."""
    found = scaling(outcome(s3lo=[1.1, 2.2, 1.1], one=[1, 2, 1], two=[3, 3, 3]), cpus=2)
    assert found.to_best.most == pytest.approx(1.1)


def test_our_own_choice_is_not_among_those_it_is_held_against() -> None:
    assert scaling(outcome(s3lo=[1, 1], one=[2, 2]), cpus=1).to_best.median == 0.5


@pytest.mark.parametrize(
    ("cpus", "wanted"),
    [(1, [1]), (2, [1, 2]), (8, [1, 2, 4, 8]), (72, [1, 2, 4, 8, 16, 32, 64, 72])],
)
def test_cpus_double_up_to_all_there_are(cpus: int, wanted: list[int]) -> None:
    assert steps(cpus) == wanted


def test_a_number_of_processes_is_asked_for_by_the_option_that_users_have() -> None:
    job = Job("pull", True, "http://x", "b", "r", "i:v1", (Blob("0", 1),), "", "/out", 2)
    argv = S3lo("processes-4", options=("--processes", "4")).command(job, Path("/tmp")).argv
    assert " --processes 4 " in " ".join(argv)
