"""Folder: results on disk, added to workload by workload: JSON, Markdown and plots."""

from __future__ import annotations

from pathlib import Path

from perf.machine import Machine
from perf.outcome import Outcome
from perf.report.document import read, write
from perf.report.overview import overview
from perf.report.plot import plot
from perf.report.text import markdown, table


class OtherMachine(Exception):
    """Figures of two machines or days do not go into one table."""


def add(outcome: Outcome, machine: Machine, directory: Path) -> None:
    """Put an outcome in, in place of an older one of its workload; all pages are made anew.

    A suite that is stopped half-way leaves what it has measured. Raises OtherMachine.
    """
    directory.mkdir(parents=True, exist_ok=True)
    document = directory / "results.json"
    kept = _outcomes_of(document, machine) if document.exists() else {}
    outcomes = [each for _, each in sorted({**kept, outcome.workload: outcome}.items())]
    write(document, outcomes, machine)
    pages = {
        "summary.md": f"{markdown(outcomes)}\n\n{machine.describe()}\n",
        "overview.svg": overview(outcomes, machine),
        f"{outcome.workload}.svg": plot(outcome, machine),
        f"{outcome.workload}.txt": table(outcome) + "\n",
    }
    for name, content in pages.items():
        (directory / name).write_text(content, encoding="utf-8")


def _outcomes_of(document: Path, machine: Machine) -> dict[str, Outcome]:
    found = read(document)
    if found.machine != machine:
        raise OtherMachine(
            f"{document} was measured on another machine or day ({found.machine.describe()}); "
            "take another folder"
        )
    return {each.workload: each for each in found.outcomes}


def report(outcome: Outcome, machine: Machine, directory: Path | None) -> None:
    """Print an outcome, and keep it where a folder is given."""
    print(table(outcome), flush=True)
    if directory:
        add(outcome, machine, directory)
