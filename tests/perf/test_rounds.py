"""Rounds against a real origin: only equal work is compared, and only what did it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec import structs

from perf.check import WrongResult
from perf.contender import Command, Contender, Job
from perf.measure import RunFailed
from perf.peers import PEERS
from perf.rounds import run_once, run_rounds
from perf.s3lo_command import S3lo
from perf.setting import Setting, own_setting
from perf.stock import StockImage, stock_image
from perf.workload import OriginLimits, Shape, Workload
from tests.conftest import missing
from tests.servers import Missing

_PULL = Workload(
    name="pull", about="A.", action="pull", image=Shape(blobs=3, blob_size="300KiB"), clients=2
)
_PUSH = Workload(name="push", about="A.", action="push", image=_PULL.image)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> StockImage:
    return stock_image(_PULL.image, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def ready(image: StockImage, tmp_path: Path) -> Iterator[Callable[[Workload], Setting]]:
    """Settings that last as long as the test."""
    with ExitStack() as stack:

        def make(workload: Workload) -> Setting:
            try:
                return stack.enter_context(own_setting(workload, image, tmp_path))
            except Missing as reason:
                missing(reason)

        yield make


Ready = Callable[[Workload], Setting]


@dataclass(frozen=True)
class _Script:
    """A contender that is a few lines of shell."""

    name: str
    text: str

    def version(self) -> str:
        return self.name

    def command(self, job: Job, scratch: Path) -> Command:  # noqa: ARG002 - the interface
        return Command(
            ("sh", "-ec", self.text, "sh", job.out, job.layout), {"PATH": "/bin:/usr/bin"}
        )


_COPY = 'mkdir -p "$1/blobs/sha256"; cp "$2"/blobs/sha256/* "$1/blobs/sha256/"; '


def test_every_client_and_every_contender_is_measured_and_checked(
    ready: Ready, tmp_path: Path
) -> None:
    setting = ready(_PULL)
    outcome = run_rounds(setting, [S3lo(), _Script("cp", _COPY)], 2, tmp_path, print)
    assert outcome.contenders == ("s3lo", "cp")
    assert len(outcome.rounds) == 2
    assert outcome.payload_bytes == 2 * setting.job.total_bytes
    for runs in outcome.rounds:
        # Two clients, each a manifest and four blobs at the least.
        assert (runs["s3lo"].requests or 0) >= 10
        assert runs["cp"].requests is None
        assert runs["s3lo"].cpu_seconds > 0
        assert runs["s3lo"].peak_rss_bytes > 20 << 20


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ('rm "$(ls -dS "$1"/blobs/sha256/* | head -1)"', "is not there"),
        ('truncate -s -1 "$(ls -dS "$1"/blobs/sha256/* | head -1)"', "wrong content"),
        (
            'printf x | dd of="$(ls -dS "$1"/blobs/sha256/* | head -1)" seek=299999 bs=1 '
            "conv=notrunc",
            "wrong content",
        ),
        ("exit 7", "ended with 7"),
    ],
    ids=["a blob less", "a byte less", "a wrong byte", "failed"],
)
def test_a_peer_that_did_not_do_the_work_is_left_out(
    ready: Ready, tmp_path: Path, damage: str, reason: str
) -> None:
    peer = _Script("broken", _COPY + damage)
    outcome = run_rounds(
        ready(structs.replace(_PULL, clients=1)), [S3lo(), peer], 1, tmp_path, print
    )
    assert outcome.contenders == ("s3lo",)
    assert reason in outcome.left_out["broken"]
    assert list(outcome.rounds[0]) == ["s3lo"]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_nobody_is_always_first_nor_always_after_the_same(
    ready: Ready, tmp_path: Path, count: int
) -> None:
    said: list[str] = []
    contenders = [_Script(f"cp-{number}", _COPY) for number in range(count)]
    # One round more is run than is counted.
    run_rounds(
        ready(structs.replace(_PULL, clients=1)), contenders, 2 * count - 1, tmp_path, said.append
    )
    names = [line.split()[2] for line in said]
    assert sorted(names[::count]) == sorted(2 * [each.name for each in contenders])
    before = {(names[at - 1], names[at]) for at in range(1, len(names)) if at % count}
    assert all(sum(name == after for _, after in before) >= min(2, count - 1) for name in names)


def test_ours_may_not_fail(ready: Ready, tmp_path: Path) -> None:
    with pytest.raises(WrongResult):
        run_rounds(ready(_PULL), [_Script("s3lo", "exit 0")], 1, tmp_path, print)


def test_who_takes_longer_than_a_workload_gives_is_ended(ready: Ready, tmp_path: Path) -> None:
    """s5cmd waits for ever for a connection that fell silent."""
    setting = ready(structs.replace(_PULL, clients=1, limit_seconds=0.5))
    with pytest.raises(RunFailed, match=r"still ran after 0\.5 s"):
        run_once(setting, _Script("s5cmd", "sleep 100"), tmp_path)


def test_a_peer_that_is_not_installed_or_cannot_do_it_is_said_so(
    ready: Ready, tmp_path: Path
) -> None:
    class Absent(_Script):
        def version(self) -> str:
            raise Missing("no such tool")

    contenders: list[Contender] = [S3lo(), Absent("absent", ""), PEERS["skopeo"]]
    outcome = run_rounds(ready(_PULL), contenders, 1, tmp_path, print)
    assert outcome.left_out["absent"] == "no such tool"
    assert outcome.left_out["skopeo"]
    assert outcome.contenders == ("s3lo",)


def test_a_push_is_checked_by_what_the_origin_counted(ready: Ready, tmp_path: Path) -> None:
    setting = ready(_PUSH)
    assert (run_once(setting, S3lo(), tmp_path).requests or 0) >= 4
    with pytest.raises(WrongResult, match="was not uploaded"):
        run_once(setting, _Script("idle", "exit 0"), tmp_path)


def test_each_push_starts_from_nothing(ready: Ready, tmp_path: Path) -> None:
    """Else the second finds every blob there and uploads none."""
    setting = ready(_PUSH)
    run_once(setting, S3lo(), tmp_path)
    assert setting.store.uploaded()
    setting.prepare()
    assert not setting.store.uploaded()
    assert not setting.store.requests()


def test_a_limit_of_the_workload_reaches_the_origin(ready: Ready, tmp_path: Path) -> None:
    limits = OriginLimits(refused_share=0.5)
    setting = ready(structs.replace(_PULL, origin=limits))
    run = run_once(setting, S3lo(), tmp_path)
    assert 0 < run.refused < (run.requests or 0)
