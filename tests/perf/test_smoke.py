"""The gate on real runs: a deliberately slowed engine fails it, unchanged code does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from perf import smoke
from perf.gate import Verdict
from perf.s3lo_command import NoSuchCommit, S3lo, tree_of, tree_of_checkout
from perf.smoke import BASELINE, Finding, baseline_commit, compare, run_smoke
from tests.conftest import missing
from tests.servers import Missing

_needs_history = pytest.mark.skipif(
    smoke.is_partial_checkout(), reason="an export or a shallow clone has no history"
)
_WORKLOAD = "about: A.\naction: pull\nimage: {blobs: 2, blob_size: 48MiB}\n"


def _compare(directory: Path, share: float) -> list[Finding]:
    """A pull that is quick; slowed by much, so that noise is not the question here."""
    (directory / "small.yaml").write_text(_WORKLOAD)
    new = S3lo("slowed", module=("perf.slowed", str(share)))
    try:
        return compare(new, S3lo("old"), directory / "cache", print, 40, directory)
    except Missing as reason:
        missing(reason)


def test_a_slowed_engine_fails_the_gate(tmp_path: Path) -> None:
    alone, together = _compare(tmp_path, share=4.0)
    assert alone.verdict is Verdict.REGRESSION
    assert (together.workload, together.verdict) == ("transfers", Verdict.REGRESSION)
    assert together.ratios == alone.ratios


def test_the_same_engine_passes_the_gate(tmp_path: Path) -> None:
    assert [found.verdict for found in _compare(tmp_path, share=0.0)] == [Verdict.FINE] * 2


@_needs_history
def test_the_baseline_is_a_commit_of_this_history() -> None:
    with tree_of(baseline_commit()) as tree:
        assert (tree / "s3lo" / "engine").is_dir()
    assert BASELINE.read_text().startswith("#")


@_needs_history
def test_both_trees_come_with_bytecode() -> None:
    """Where the environment forbids to write it, only the checkout had some, and unchanged code
    looked 20% faster than its baseline."""
    with tree_of("HEAD") as old, tree_of_checkout() as new:
        for tree in (old, new):
            assert list((tree / "s3lo" / "__pycache__").glob("*.pyc"))
            assert list((tree / "s3lo" / "engine" / "__pycache__").glob("*.pyc"))


def test_a_commit_that_is_asked_for_and_not_there_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_smoke("0123456789abcdef", tmp_path, print) == 2
    assert "0123456789abcdef is not in this repository" in capsys.readouterr().out
    with pytest.raises(NoSuchCommit), tree_of("0123456789abcdef"):
        pass


def test_a_checkout_without_history_says_that_nothing_was_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "is_partial_checkout", lambda: True)
    monkeypatch.setattr(smoke, "baseline_commit", lambda: "0123456789abcdef")
    assert run_smoke(None, tmp_path, print) == 0
    assert "NOT COMPARED" in capsys.readouterr().out
