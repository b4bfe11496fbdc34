"""Outflow: blobs leave while others are made, in the room of the largest, and an end wakes all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event as Flag
from threading import Thread

import pytest

from s3lo.engine.backend import LocalConfig
from s3lo.engine.options import EngineOptions
from s3lo.engine.parallel import ParallelEngine
from s3lo.engine.report import EngineReport
from s3lo.engine.transfers import Upload
from s3lo.errors import Interrupted, ServiceError
from s3lo.events import Observer, ignore
from s3lo.model.digest import Digest
from s3lo.operations.pushing.outflow import Outflow, Room
from s3lo.transports.image import BlobFile

MIB = 1 << 20


def waits(call: Callable[[], None]) -> Thread:
    """A thread that is still in the call after a while."""
    thread = Thread(target=call, daemon=True)
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()
    return thread


def ends(thread: Thread) -> None:
    thread.join(10)
    assert not thread.is_alive()


def test_a_blob_may_take_what_it_takes_where_nothing_else_waits() -> None:
    room = Room()
    for _ in range(5):
        room.grow(100)
    room.made()
    room.give_back(500)
    room.grow(100)
    assert room.peak_bytes == 500


def test_the_next_blob_waits_for_room_of_the_one_before() -> None:
    room = Room()
    room.grow(100)
    room.made()
    waiting = waits(lambda: room.grow(40))
    room.give_back(30)
    waiting.join(0.2)
    assert waiting.is_alive(), "only 30 of 40"
    room.give_back(10)
    ends(waiting)
    assert room.peak_bytes == 100


def test_a_larger_blob_may_outgrow_what_is_left_of_a_smaller_one() -> None:
    room = Room()
    room.grow(10)
    room.made()

    def grow() -> None:
        for _ in range(10):
            room.grow(10)

    waiting = waits(grow)
    room.give_back(10)
    ends(waiting)
    assert room.peak_bytes == 100


def test_who_waits_for_room_is_told_that_nothing_leaves() -> None:
    room = Room()
    room.grow(10)
    room.made()
    raised: list[BaseException] = []

    def grow() -> None:
        try:
            room.grow(10)
        except Interrupted as error:
            raised.append(error)

    waiting = waits(grow)
    room.end()
    ends(waiting)
    assert raised


class Making:
    """Makes blobs as a packer does, in a directory, and keeps an eye on the space they take."""

    def __init__(self, directory: Path, outflow: Outflow) -> None:
        self.directory = directory
        self.outflow = outflow
        self.peak_bytes = 0

    def blob(self, seed: int, size: int) -> Digest:
        content = bytes([seed]) * size
        path = self.directory / str(seed)
        with open(path, "wb") as file:
            for start in range(0, size, MIB):
                piece = content[start : start + MIB]
                self.outflow.grow(len(piece))
                file.write(piece)
                file.flush()
                self.peak_bytes = max(self.peak_bytes, self.taken_bytes())
        digest = Digest.of(content)
        self.outflow.offer(BlobFile(digest, size, path, is_verified=True))
        return digest

    def taken_bytes(self) -> int:
        taken = 0
        for path in self.directory.iterdir():
            try:
                taken += path.stat().st_blocks * 512
            except FileNotFoundError:
                continue
        return taken


class Stopping:
    """An engine that sends nothing until it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.go = Flag()
        self.error = error

    def audit(self, *_: object, **__: object) -> EngineReport:
        raise NotImplementedError

    def download(self, *_: object, **__: object) -> EngineReport:
        raise NotImplementedError

    def upload(
        self,
        blobs: Iterable[Upload],
        observer: Observer,
        cancel: Flag | None = None,
        *,
        expected_bytes: int | None = None,
    ) -> EngineReport:
        del observer, expected_bytes
        for _ in blobs:
            while not self.go.wait(0.01):
                if cancel and cancel.is_set():
                    raise Interrupted("cancelled")
            if self.error:
                raise self.error
        raise AssertionError("it is told to fail")


def upload_of(blob: BlobFile, stored: Callable[[int, int], None] | None = None) -> Upload:
    assert stored
    key = f"blobs/sha256/{blob.digest.hex}"
    return Upload(blob.digest, blob.size, key, blob.path, 0, True, stored=stored)


def local_engine(root: Path) -> ParallelEngine:
    return ParallelEngine(LocalConfig(str(root)), EngineOptions())


def test_space_never_exceeds_that_of_the_largest(tmp_path: Path) -> None:
    engine = local_engine(tmp_path / "store")
    staging = tmp_path / "staging"
    staging.mkdir()
    with Outflow(engine, upload_of, lambda _: False, ignore, None) as outflow:
        making = Making(staging, outflow)
        digests = [making.blob(n, size * MIB) for n, size in enumerate((9, 30, 12, 25))]
        outflow.finish([])
    assert outflow.moved == set(digests)
    for digest in digests:
        stored = (tmp_path / "store" / "blobs" / "sha256" / digest.hex).read_bytes()
        assert Digest.of(stored) == digest
    assert outflow.room.peak_bytes <= 30 * MIB
    assert making.peak_bytes <= 31 * MIB
    assert making.taken_bytes() == 0


def test_what_is_there_already_is_not_sent_and_gives_its_room_back(tmp_path: Path) -> None:
    engine = local_engine(tmp_path / "store")
    staging = tmp_path / "staging"
    staging.mkdir()
    with Outflow(engine, upload_of, lambda _: True, ignore, None) as outflow:
        making = Making(staging, outflow)
        for n in range(4):
            making.blob(n, 3 * MIB)
        outflow.finish([])
    assert not outflow.moved
    assert not (tmp_path / "store" / "blobs").exists()
    assert making.taken_bytes() == 0


def test_nothing_that_is_made_means_no_engine(tmp_path: Path) -> None:
    with Outflow(Stopping(), upload_of, lambda _: False, ignore, None):
        pass
    with Outflow(local_engine(tmp_path), upload_of, lambda _: False, ignore, None) as outflow:
        assert outflow.finish([]).throttled is not None


def test_an_upload_that_fails_ends_the_making_with_its_own_error(tmp_path: Path) -> None:
    engine = Stopping(ServiceError("it is down"))
    with (
        pytest.raises(ServiceError, match="it is down"),
        Outflow(engine, upload_of, lambda _: False, ignore, None) as outflow,
    ):
        making = Making(tmp_path, outflow)
        making.blob(1, 2 * MIB)
        engine.go.set()
        for n in range(2, 50):
            making.blob(n, 2 * MIB)


def test_a_making_that_fails_ends_the_upload(tmp_path: Path) -> None:
    engine = Stopping()
    with (
        pytest.raises(ValueError, match="damaged"),
        Outflow(engine, upload_of, lambda _: False, ignore, None) as outflow,
    ):
        Making(tmp_path, outflow).blob(1, MIB)
        raise ValueError("damaged")
    _no_threads("s3lo-beside")


def test_a_cancelled_push_wakes_who_makes(tmp_path: Path) -> None:
    cancel = Flag()
    engine = Stopping()
    with (
        pytest.raises(Interrupted),
        Outflow(engine, upload_of, lambda _: False, ignore, cancel) as outflow,
    ):
        making = Making(tmp_path, outflow)
        making.blob(1, 2 * MIB)
        threading.Timer(0.1, cancel.set).start()
        making.blob(2, 4 * MIB)


def _no_threads(prefix: str) -> None:
    deadline = time.monotonic() + 5
    while any(thread.name.startswith(prefix) for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
