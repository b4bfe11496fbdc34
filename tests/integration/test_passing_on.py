"""Parts that are not hashed as they come: the kernel moves them into the file, and what the file then
holds is what is proven."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from s3lo.engine.jobs import Done, Failed, Hashed
from s3lo.engine.plan import WRITE_BYTES
from s3lo.engine.sockets.pipe import PIPE_BYTES, Pipe, most_pipes
from s3lo.engine.sockets.range_writer import RangeWriter
from s3lo.errors import DiskFull
from tests.faults.command import eventually
from tests.integration.receiving import CONTENT, HEX, ranged, receiving
from tests.servers.scripted import AROUND_BYTES, Scripted, Step

HALF = 2 * PIPE_BYTES
"""Where the second of two parts begins, which is fetched before the first."""
SECOND = len(CONTENT) - HALF


def test_what_is_not_hashed_now_is_proven_from_the_file(tmp_path: Path) -> None:
    with receiving(Scripted([ranged, ranged]), tmp_path) as made:
        assert isinstance(made.fetch(HALF, SECOND), Done)
        assert made.path.read_bytes()[HALF:] == CONTENT[HALF:]
        assert isinstance(made.fetch(0, HALF), Done)
        assert made.reports.get(timeout=30) == Hashed(0, HEX)
        assert made.path.read_bytes() == CONTENT
        assert 0 < made.backend.carried_bytes() - len(CONTENT) < AROUND_BYTES


def test_it_passes_no_memory_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    pwrite = os.pwrite

    def watched(file: int, content: memoryview, offset: int) -> int:
        written.append(offset)
        return pwrite(file, content, offset)

    monkeypatch.setattr(os, "pwrite", watched)
    with receiving(Scripted([ranged, ranged]), tmp_path) as made:
        made.fetch(HALF, SECOND)
        assert written == []
        made.fetch(0, HALF)
        assert written[0] == 0, "the part at the position is hashed as it comes"


def in_pieces(*ends: int, pause_seconds: float = 0.0) -> Callable[[str], list[Step]]:
    """A range of CONTENT that does not come at once: up to each of these ends, from its beginning on, and
    then, after a pause, the rest."""

    def turn(request: str) -> list[Step]:
        [answer] = ranged(request)
        assert isinstance(answer, bytes)
        body_at = answer.index(b"\r\n\r\n") + 4
        cuts = [0, *(body_at + end for end in ends), len(answer)]
        pieces: list[Step] = []
        for start, end in pairwise(cuts):
            pieces += [answer[start:end], pause_seconds]
        return pieces

    return turn


def test_a_write_ends_where_the_next_should_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes that began anywhere had a dozen small folios made of each 256 KiB."""
    writes: list[tuple[int, int]] = []
    splice = os.splice

    def watched(
        source: int, target: int, most: int, *, offset_dst: int | None = None, flags: int = 0
    ) -> int:
        count = splice(source, target, most, offset_dst=offset_dst, flags=flags)
        if offset_dst is not None:
            writes.append((offset_dst, offset_dst + count))
        return count

    monkeypatch.setattr(os, "splice", watched)
    uneven = in_pieces(WRITE_BYTES + 1000, 2 * WRITE_BYTES - 3, pause_seconds=0.1)
    with receiving(Scripted([uneven]), tmp_path) as made:
        assert isinstance(made.fetch(0, HALF, is_hashed=False), Done)
        assert made.path.read_bytes() == CONTENT[:HALF]
    assert writes == [(n, n + WRITE_BYTES) for n in range(0, HALF, WRITE_BYTES)]


def test_little_that_comes_is_written_though_no_more_does(tmp_path: Path) -> None:
    with receiving(Scripted([in_pieces(5000, pause_seconds=2.0)]), tmp_path) as made:
        made.start(1, HALF, SECOND, is_hashed=False)
        assert eventually(
            lambda: made.path.exists() and made.path.read_bytes()[HALF:] == CONTENT[HALF:][:5000]
        )
        assert isinstance(made.reports.get(timeout=30), Done)


def test_its_turn_comes_while_some_of_it_is_in_the_pipe(tmp_path: Path) -> None:
    late = in_pieces(WRITE_BYTES + 1000, 2 * WRITE_BYTES + 50_000, pause_seconds=0.4)
    with receiving(Scripted([late], [ranged]), tmp_path) as made:
        made.start(1, WRITE_BYTES, len(CONTENT) - WRITE_BYTES)
        assert eventually(made.path.exists)
        made.start(2, 0, WRITE_BYTES)
        outcomes = [made.reports.get(timeout=30) for _ in range(3)]
        assert Hashed(0, HEX) in outcomes
        assert made.path.read_bytes() == CONTENT


def test_what_goes_into_tmpfs_passes_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """There a pull by pipes took 1.08 of the time."""
    monkeypatch.setattr(os, "splice", None)
    with (
        TemporaryDirectory(dir="/dev/shm") as place,
        receiving(Scripted([ranged, ranged]), Path(place)) as made,
    ):
        made.fetch(HALF, SECOND)
        made.fetch(0, HALF)
        assert made.reports.get(timeout=30) == Hashed(0, HEX)


def test_a_byte_that_is_wrong_in_the_file_is_found(tmp_path: Path) -> None:
    with receiving(Scripted([ranged, ranged]), tmp_path) as made:
        made.fetch(HALF, SECOND)
        with made.path.open("r+b") as file:
            file.seek(HALF + 1)
            file.write(bytes([CONTENT[HALF + 1] ^ 1]))
        made.fetch(0, HALF)
        found = made.reports.get(timeout=30)
        assert isinstance(found, Hashed)
        assert found.hex != HEX


def test_what_came_before_a_break_is_kept(tmp_path: Path) -> None:
    def broken(request: str) -> list[Step]:
        return ranged(request, cut=5000)

    with receiving(Scripted([broken], [ranged, ranged]), tmp_path) as made:
        outcome = made.fetch(HALF, SECOND)
        assert isinstance(outcome, Failed)
        assert (outcome.retryable, outcome.kept_bytes) == (True, SECOND - 5000)
        made.fetch(len(CONTENT) - 5000, 5000)
        made.fetch(0, HALF)
        assert made.reports.get(timeout=30) == Hashed(0, HEX)


def test_where_files_take_nothing_from_pipes_all_comes_by_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splice, refused = os.splice, []

    def refusing(
        source: int, target: int, most: int, *, offset_dst: int | None = None, flags: int = 0
    ) -> int:
        if offset_dst is not None:
            refused.append(offset_dst)
            raise OSError(errno.EINVAL, "as some file systems say")
        return splice(source, target, most, flags=flags)

    monkeypatch.setattr(os, "splice", refusing)
    with receiving(Scripted([ranged, ranged, ranged]), tmp_path) as made:
        made.fetch(HALF, SECOND - 1000)
        made.fetch(len(CONTENT) - 1000, 1000)
        made.fetch(0, HALF)
        assert made.reports.get(timeout=30) == Hashed(0, HEX)
        assert made.path.read_bytes() == CONTENT
    assert refused == [HALF], "and it is not tried again"


def test_what_a_file_did_not_take_gets_into_no_other(tmp_path: Path) -> None:
    with receiving(Scripted([ranged], [ranged, ranged]), tmp_path) as made:
        with _files_no_larger_than(HALF + 1000):
            refused = made.fetch(HALF, SECOND)
        assert isinstance(refused, Failed)
        assert refused.error.exit_code == 8
        made.path = tmp_path / "another"
        made.fetch(HALF, SECOND, is_hashed=False)
        made.fetch(0, HALF, is_hashed=False)
        assert made.path.read_bytes() == CONTENT


def test_a_full_disk_is_one_by_a_pipe_too(tmp_path: Path) -> None:
    with receiving(Scripted([ranged]), tmp_path) as made:
        made.path = Path("/dev/full")
        full = made.fetch(HALF, SECOND, is_hashed=False)
        assert isinstance(full, Failed)
        assert isinstance(full.error, DiskFull)


@contextmanager
def _files_no_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_pipe_that_was_closed_is_empty_when_it_is_opened_again() -> None:
    pipe = Pipe()
    assert pipe.is_usable
    assert pipe.take(memoryview(b"left over")) == 9
    pipe.close()
    assert pipe.is_usable
    pipe.take(memoryview(b"new"))
    memory = memoryview(bytearray(9))
    assert bytes(memory[: pipe.read_into(memory)]) == b"new"
    pipe.close()


def test_what_is_in_a_pipe_comes_to_its_place_though_the_file_refuses(tmp_path: Path) -> None:
    """A file that is appended to takes nothing from a pipe at a place (splice(2), EINVAL)."""
    path = tmp_path / "blob"
    path.write_bytes(b"before")
    pipe = Pipe()
    assert pipe.is_usable
    pipe.take(memoryview(b" and after"))
    with RangeWriter(str(path), truncates=False, is_direct=False) as file:
        _append_only(path)
        file.write_from(pipe, 10, 6, memoryview(bytearray(64)))
    assert path.read_bytes() == b"before and after"
    assert not pipe.is_usable


def _append_only(path: Path) -> None:
    """Has whoever has the file open append to it."""
    from fcntl import F_SETFL, fcntl

    for link in Path("/proc/self/fd").iterdir():
        if link.exists() and link.resolve() == path:
            fcntl(int(link.name), F_SETFL, os.O_APPEND)


def test_pipes_leave_descriptors_for_what_they_connect() -> None:
    assert most_pipes(1024) == 64
    assert most_pipes(1 << 20) == 112
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(1)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        assert not Pipe().is_usable
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
