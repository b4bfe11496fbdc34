"""``python -m perf`` as it is typed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from perf.report import read
from perf.s3lo_command import HERE
from tests.servers import SeaweedS3


def _perf(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "perf", *arguments]
    return subprocess.run(
        command,
        cwd=HERE,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def test_list_shows_every_workload_with_what_it_is() -> None:
    done = _perf("--list")
    assert done.returncode == 0
    assert "pull-unlimited" in done.stdout
    assert "push-throttled-share" in done.stdout


def test_a_workload_that_is_none_is_a_usage_error() -> None:
    done = _perf("pull-nothing")
    assert (done.returncode, done.stdout) == (2, "")
    assert "pull-nothing" in done.stderr


def test_a_peer_that_is_none_is_a_usage_error() -> None:
    """It was once left out in silence, and s3lo compared with nobody."""
    done = _perf("pull-small", "--peers", "s5cdm")
    assert (done.returncode, done.stdout) == (2, "")
    assert "s5cdm" in done.stderr


def test_an_endpoint_without_a_bucket_is_a_usage_error() -> None:
    done = _perf("pull-small", "--endpoint", "http://127.0.0.1:1")
    assert done.returncode != 0
    assert "--bucket" in done.stderr


def test_a_workload_against_a_peer_is_printed_and_kept(tmp_path: Path) -> None:
    results = tmp_path / "results"
    done = _perf(
        *("pull-small", "--peers", "awscrt", "--rounds", "2", "--cache", str(tmp_path / "cache")),
        *("--results", str(results), "--baseline", "HEAD"),
    )
    assert done.returncode == 0, done.stderr
    [outcome] = read(results / "results.json").outcomes
    assert outcome.contenders == ("s3lo", "baseline", "awscrt")
    assert len(outcome.rounds) == 2
    assert "awscrt" in done.stdout
    assert (results / "pull-small.txt").read_text() == done.stdout
    # Nothing of the runs is left but the image.
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["noise-2x2500000"]


def test_a_real_service_takes_pulls_and_pushes_and_is_checked(
    seaweed: SeaweedS3, bucket: str, tmp_path: Path
) -> None:
    done = _perf(
        *("pull-small", "push-small", "pull-cap-2mb", "--peers", "s5cmd", "--rounds", "1"),
        *("--endpoint", seaweed.endpoint_url, "--bucket", bucket, "--cache", str(tmp_path)),
        env=seaweed.env(),
    )
    assert done.returncode == 0, done.stderr
    for workload in ("pull-small", "push-small"):
        assert f"{workload}: " in done.stdout
    assert "s5cmd" in done.stdout
    assert "pull-cap-2mb" not in done.stdout
    assert "skipped: it needs" in done.stderr
