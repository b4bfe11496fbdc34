"""Workloads are data; a mistake in a file is told with its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from perf.peers import PEERS
from perf.s3lo_command import FIXED_WINDOWS
from perf.workload import WORKLOADS, InvalidWorkload, find_workloads, read_workload

_GOOD = "about: A.\naction: pull\nimage: {blobs: 1}\n"


@pytest.mark.parametrize("directory", [WORKLOADS, WORKLOADS / "smoke"], ids=lambda d: d.name)
def test_every_workload_means_something_and_names_peers_that_exist(directory: Path) -> None:
    workloads = find_workloads(directory)
    assert workloads
    for workload in workloads.values():
        assert set(workload.contenders) <= {*PEERS, *FIXED_WINDOWS}, workload.name
        assert workload.conditions


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (_GOOD + "speed: 3\n", "speed"),
        (_GOOD.replace("pull", "fetch"), "fetch"),
        (_GOOD + "origin: {latency: 3}\n", "latency"),
        ("about: A.\naction: pull\nimage: {}\n", "either blobs or wheels"),
        ("about: A.\naction: push\nimage: {blobs: 1}\nto: docker\n", "ends in Docker"),
        (_GOOD + "server: nginx\norigin: {connection_rate: 8MB}\n", "holds nothing back"),
        (_GOOD.replace("pull", "push") + "server: nginx\n", "serves pulls"),
        ("- a list\n", "broken.yaml"),
        ("about: [\n", "broken.yaml"),
    ],
)
def test_a_file_that_means_nothing_is_refused_by_name(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(InvalidWorkload, match=complaint) as refused:
        read_workload(path)
    assert "broken.yaml" in str(refused.value)


def test_only_workloads_without_limits_can_run_against_a_real_service() -> None:
    workloads = find_workloads()
    assert not workloads["pull-unlimited"].needs_own_origin
    assert workloads["pull-tls-nginx"].needs_own_origin
    assert workloads["pull-cap-2mb"].needs_own_origin
    assert workloads["pull-link-1gbit-10ms"].needs_own_origin
