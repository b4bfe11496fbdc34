"""The verifier: hashes follow what arrives, in whatever order, and end right."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from queue import SimpleQueue
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3lo.engine.jobs import Hashed
from s3lo.engine.verifier import Verifier, next_to_read


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_blobs_that_grow_side_by_side_are_hashed_right(tmp_path: Path, threads: int) -> None:
    reports: SimpleQueue[Hashed] = SimpleQueue()
    verifier = Verifier(threads, reports.put)
    contents = [os.urandom(size) for size in (0, 1, 3 << 20, (5 << 20) + 7)]
    files = [tmp_path / str(n) for n in range(len(contents))]
    for number, (path, content) in enumerate(zip(files, contents, strict=True)):
        path.write_bytes(bytes(len(content)))
        verifier.add(number, str(path), len(content))
    for start in range(0, 6 << 20, 1 << 19):
        for number, (path, content) in enumerate(zip(files, contents, strict=True)):
            if start < len(content):
                with path.open("r+b") as file:
                    file.seek(start)
                    file.write(content[start : start + (1 << 19)])
                verifier.arrived(number, start, min(len(content), start + (1 << 19)))
    results = {r.blob: r.hex for r in (reports.get(timeout=30) for _ in contents)}
    verifier.close()
    assert results == {n: hashlib.sha256(c).hexdigest() for n, c in enumerate(contents)}


def hashed_at(sizes: list[int], threads: int, step: int = 1) -> list[int]:
    """When each blob is done, where all have arrived at once and a thread hashes a byte in a moment."""
    left, done, now = dict(enumerate(sizes)), [0] * len(sizes), 0
    while left:
        waiting, taken = dict(left), list[int]()
        while waiting and len(taken) < threads:
            elsewhere = sum(left[blob] for blob in taken)
            taken.append(next_to_read(waiting, elsewhere, threads))
            del waiting[taken[-1]]
        now += step
        for blob in taken:
            left[blob] -= min(step, left[blob])
            if not left[blob]:
                del left[blob]
                done[blob] = now
    return done


@pytest.mark.parametrize(
    ("sizes", "threads"),
    [([100, 100, 100], 2), ([100, 90, 100, 100], 2), ([20, 20, 20, 100], 2), ([50] * 7, 4)],
)
def test_no_core_is_idle_while_there_is_much_to_hash(sizes: list[int], threads: int) -> None:
    """The last of four was now and then hashed on one core, the other having nothing to do for a second."""
    at_best = max(max(sizes), -(-sum(sizes) // threads))
    assert max(hashed_at(sizes, threads)) <= at_best + 2


def test_blobs_are_done_in_their_order_as_far_as_that_costs_nothing() -> None:
    done = hashed_at([100] * 6, 2)
    assert done == sorted(done)
    assert done[0] <= 101


def test_a_blob_that_is_begun_again_while_it_waits_is_hashed_right(tmp_path: Path) -> None:
    reports: SimpleQueue[Hashed] = SimpleQueue()
    verifier = Verifier(1, reports.put)
    content = os.urandom(8 << 20)
    for number in range(3):
        (tmp_path / str(number)).write_bytes(content)
    for _ in range(5):
        for number in range(3):
            verifier.add(number, str(tmp_path / str(number)), len(content))
            verifier.arrived(number, 0, len(content))
    wanted = hashlib.sha256(content).hexdigest()
    told: dict[int, str] = {}
    while len(told) < 3:
        result = reports.get(timeout=30)
        told[result.blob] = result.hex
    verifier.close()
    assert told == dict.fromkeys(range(3), wanted)


def test_a_blob_that_nobody_wants_any_more_fails_for_nobody(tmp_path: Path) -> None:
    """Its file may be gone before a thread has time for it."""
    reports: SimpleQueue[Hashed] = SimpleQueue()
    verifier = Verifier(1, reports.put)
    long, gone = tmp_path / "long", tmp_path / "gone"
    long.write_bytes(bytes(64 << 20))
    for number, (path, size) in enumerate(((long, 64 << 20), (gone, 1))):
        verifier.add(number, str(path), size)
        verifier.arrived(number, 0, size)
    verifier.forget(1)
    assert reports.get(timeout=30).blob == 0
    verifier.close()
    assert reports.empty()


def test_what_is_told_again_of_a_part_takes_nothing_away_that_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a part that is hashed in slices the rest is kept by where it begins."""
    monkeypatch.setattr("s3lo.engine.verifier._SLICE_BYTES", 1 << 18)
    content = os.urandom(32 << 20)
    (tmp_path / "blob").write_bytes(content)
    reports: SimpleQueue[Hashed] = SimpleQueue()
    verifier = Verifier(1, reports.put)
    verifier.add(0, str(tmp_path / "blob"), len(content))
    verifier.arrived(0, 0, len(content))
    for end in range(1, len(content), 1 << 12):
        verifier.arrived(0, 0, end)
    assert reports.get(timeout=30).hex == hashlib.sha256(content).hexdigest()
    verifier.close()


def test_a_range_in_the_middle_of_a_file_is_hashed_alone(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    path.write_bytes(b"before" + b"content" + b"after")
    reports: SimpleQueue[Hashed] = SimpleQueue()
    verifier = Verifier(1, reports.put)
    verifier.add(0, str(path), 7, offset=6)
    verifier.arrived(0, 0, 7)
    assert reports.get(timeout=30).hex == hashlib.sha256(b"content").hexdigest()
    verifier.close()


def test_a_file_that_vanishes_or_shrinks_is_an_error_not_a_hang(tmp_path: Path) -> None:
    reports: SimpleQueue[Hashed] = SimpleQueue()
    verifier = Verifier(1, reports.put)
    verifier.add(0, str(tmp_path / "absent"), 5)
    verifier.arrived(0, 0, 5)
    assert reports.get(timeout=30).error is not None
    (tmp_path / "short").write_bytes(b"123")
    verifier.add(1, str(tmp_path / "short"), 5)
    verifier.arrived(1, 0, 5)
    assert reports.get(timeout=30).error is not None
    verifier.close()


class _Receivers:
    """What receives a blob in parts, a step at a time, as lanes do."""

    def __init__(self, directory: Path, content: bytes, part_bytes: int) -> None:
        self.reports: SimpleQueue[Hashed] = SimpleQueue()
        self.verifier = Verifier(2, self.reports.put)
        self.path = directory / "blob"
        self.path.write_bytes(bytes(len(content)))
        self.content = content
        self.part_bytes = part_bytes

    def receive(self, start: int, steps: Iterable[int]) -> Iterator[None]:
        """The part from ``start`` on in steps of so many bytes; something else may happen between
        them. Ends, like a broken connection, where the steps do."""
        share = self.verifier.share(0, str(self.path), len(self.content), start)
        fd = os.open(self.path, os.O_RDWR)
        position, end = start, min(start + self.part_bytes, len(self.content))
        for step in steps:
            piece = self.content[position : min(position + step, end)]
            os.pwrite(fd, piece, position)
            share.wrote(memoryview(piece))
            position += len(piece)
            yield
        share.close()
        os.close(fd)

    def found(self) -> str:
        hexes = self.reports.get(timeout=30).hex
        self.verifier.close()
        assert self.reports.empty()
        return hexes


@given(st.integers(), st.integers(1, 5000), st.integers(1, 700))
@settings(max_examples=60)
def test_parts_that_are_received_side_by_side_in_any_order_are_hashed_right(
    seed: int, size: int, part_bytes: int
) -> None:
    random = Random(seed)
    content = random.randbytes(size)
    with TemporaryDirectory() as directory:
        receivers = _Receivers(Path(directory), content, part_bytes)
        running = [
            receivers.receive(start, [random.randint(1, 300) for _ in range(part_bytes)])
            for start in range(0, size, part_bytes)
        ]
        while running:
            receiver = random.choice(running)
            if next(receiver, "ended") == "ended":
                running.remove(receiver)
        assert receivers.found() == hashlib.sha256(content).hexdigest()


def test_a_part_that_breaks_off_in_turn_is_gone_on_with_where_it_broke(tmp_path: Path) -> None:
    content = os.urandom(1000)
    receivers = _Receivers(tmp_path, content, 1000)
    assert list(receivers.receive(0, [300])) == [None]
    receivers.part_bytes = 700
    assert list(receivers.receive(300, [700])) == [None]
    assert receivers.found() == hashlib.sha256(content).hexdigest()


def test_a_part_that_breaks_off_out_of_turn_counts_as_far_as_it_came(tmp_path: Path) -> None:
    content = os.urandom(1000)
    receivers = _Receivers(tmp_path, content, 500)
    list(receivers.receive(500, [200]))
    list(receivers.receive(0, [500]))
    receivers.part_bytes = 300
    list(receivers.receive(700, [300]))
    assert receivers.found() == hashlib.sha256(content).hexdigest()


def test_who_has_the_turn_hashes_in_memory_and_reads_nothing_back(tmp_path: Path) -> None:
    """The file holds other bytes than were received: the digest is that of what was received."""
    content = os.urandom(1000)
    receivers = _Receivers(tmp_path, content, 1000)
    receiving = receivers.receive(0, [500, 500])
    next(receiving)
    receivers.path.write_bytes(bytes(1000))
    list(receiving)
    assert receivers.found() == hashlib.sha256(content).hexdigest()


def test_a_part_that_was_given_up_half_way_may_be_shared_again(tmp_path: Path) -> None:
    content = os.urandom(3000)
    path = tmp_path / "blob"
    path.write_bytes(b"before" + content)
    reports: SimpleQueue[Hashed] = SimpleQueue()
    verifier = Verifier(1, reports.put)
    for count in (400, 1000):
        share = verifier.share(0, str(path), len(content), 0, offset=6)
        share.wrote(memoryview(content[:count]))
        share.close()
    verifier.arrived(0, 0, 1000)
    verifier.arrived(0, 1000, 3000)
    assert reports.get(timeout=30) == Hashed(0, hashlib.sha256(content).hexdigest())
    verifier.close()
