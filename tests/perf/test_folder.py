"""Results on disk grow workload by workload."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from perf.folder import OtherMachine, add
from perf.machine import read_machine
from perf.outcome import Outcome, Run
from perf.report import read


def _outcome(workload: str, wall_seconds: float = 1.0) -> Outcome:
    return Outcome(
        workload=workload,
        about="A.",
        payload_bytes=1_000_000,
        verified=True,
        checked="every byte",
        conditions="none",
        versions={"s3lo": "1", "cp": "2"},
        rounds=({"s3lo": Run(wall_seconds, 1, 1, 1), "cp": Run(2.0, 1, 1, None)},),
        left_out={},
    )


def test_each_workload_stands_once_with_its_latest_figures(tmp_path: Path) -> None:
    machine = read_machine(tmp_path)
    for outcome in (_outcome("b"), _outcome("a"), _outcome("b", 7.0)):
        add(outcome, machine, tmp_path)
    kept = read(tmp_path / "results.json").outcomes
    assert [(each.workload, each.rounds[0]["s3lo"].wall_seconds) for each in kept] == [
        ("a", 1.0),
        ("b", 7.0),
    ]
    assert {path.name for path in tmp_path.iterdir()} == {
        *("results.json", "summary.md", "overview.svg"),
        *("a.svg", "a.txt", "b.svg", "b.txt"),
    }


def test_figures_of_two_machines_do_not_go_into_one_table(tmp_path: Path) -> None:
    machine = read_machine(tmp_path)
    add(_outcome("a"), machine, tmp_path)
    with pytest.raises(OtherMachine, match="take another folder"):
        add(_outcome("b"), dataclasses.replace(machine, cpus=72), tmp_path)
    assert len(read(tmp_path / "results.json").outcomes) == 1
