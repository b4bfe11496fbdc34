"""Blobs that are relayed from elsewhere through memory: into every store, by every engine."""

from __future__ import annotations

import hashlib
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag
from threading import Timer

import pytest
from msgspec import Struct

from s3lo.bucket.keys import blob_key
from s3lo.engine.arrival import Arrival
from s3lo.engine.plan import MIB
from s3lo.engine.transfers import Upload
from s3lo.errors import DigestMismatch, IntegrityError, Interrupted, ServiceError
from s3lo.events import BlobDone, Event, ignore
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor
from s3lo.operations.copying.relay import Relay, Stored
from tests.integration.rigs import Rig

STEP = 5 * MIB
PIECE = 100_000
SIZES = (0, 1, 4096, STEP, STEP + 1, 3 * STEP - 7, 6 * STEP + 11)


def content_of(size: int) -> bytes:
    return hashlib.shake_128(str(size).encode()).digest(size)


class Elsewhere:
    """Holds blobs, and gives ranges of them unless it is told not to know any."""

    def __init__(self, *, has_ranges: bool = True, wrong: int = -1, fails_at: int = -1) -> None:
        self.contents = {Digest.of(content_of(size)): content_of(size) for size in SIZES}
        self.has_ranges = has_ranges
        self.wrong = wrong
        """The size of a blob whose last byte is another one."""
        self.fails_at = fails_at
        self.asked: list[tuple[int, int, int]] = []
        self.is_held = Flag()
        self.is_held.set()
        self._random = random.Random(7)

    @property
    def blobs(self) -> list[Descriptor]:
        return [Descriptor("layer", digest, len(c)) for digest, c in self.contents.items()]

    def open_range(self, blob: Descriptor, start: int, end: int) -> Opened:
        self.asked.append((blob.size, start, end))
        content = self.contents[blob.digest]
        if blob.size == self.wrong:
            content = content[:-1] + bytes([content[-1] ^ 1])
        return Opened(self, content, start, end if self.has_ranges else blob.size)


class Opened(Struct):
    elsewhere: Elsewhere
    content: bytes
    start: int
    end: int

    def __iter__(self) -> Iterator[bytes]:
        for start in range(self.start, self.end, PIECE):
            self.elsewhere.is_held.wait(30)
            if len(self.content) == self.elsewhere.fails_at and start > STEP:
                raise ServiceError("it went away")
            yield self.content[start : min(self.end, start + PIECE)]

    def close(self) -> None: ...


def uploading(blob: Descriptor, path: Path, arrival: Arrival, stored: Stored) -> Upload:
    return Upload(
        blob.digest,
        blob.size,
        blob_key(blob.digest),
        path,
        if_absent=True,
        stored=stored,
        arrival=arrival,
        source="elsewhere",
    )


def relayed(elsewhere: Elsewhere, *, steps: int, connections: int = 4) -> Relay:
    return Relay(
        elsewhere.open_range,
        elsewhere.blobs,
        uploading,
        room_bytes=steps * STEP,
        step_bytes=lambda _: STEP,
        connections=connections,
    )


def memory_files() -> int:
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            found += "memfd:s3lo" in os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue
    return found


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("has_ranges", [True, False], ids=["ranges", "whole"])
def test_all_that_comes_is_stored_in_no_more_room_than_there_is(
    rig: Rig, has_ranges: bool, steps: int
) -> None:
    elsewhere = Elsewhere(has_ranges=has_ranges)
    seen: list[Event] = []
    with relayed(elsewhere, steps=steps) as relay:
        rig.check(rig.engine.upload(relay.uploads(), seen.append, expected_bytes=sum(SIZES)))
    for digest, content in elsewhere.contents.items():
        assert rig.store.get(blob_key(digest)) == content
    assert relay.peak_bytes <= steps * STEP
    assert {e.digest for e in seen if isinstance(e, BlobDone)} == set(map(str, elsewhere.contents))
    starts = [(size, start) for size, start, _ in elsewhere.asked]
    assert len(set(starts)) == len(starts), "something was asked for twice"
    assert not rig.uploads()
    assert not memory_files()


@pytest.mark.parametrize("size", [4096, 6 * STEP + 11])
def test_a_wrong_byte_is_never_stored(rig: Rig, size: int) -> None:
    elsewhere = Elsewhere(wrong=size)
    with relayed(elsewhere, steps=4) as relay, pytest.raises(DigestMismatch, match="elsewhere"):
        rig.engine.upload(relay.uploads(), ignore)
    assert rig.store.head(blob_key(Digest.of(content_of(size)))) is None
    assert not rig.uploads()


def test_a_blob_that_does_not_come_ends_all(rig: Rig) -> None:
    elsewhere = Elsewhere(fails_at=3 * STEP - 7)
    with relayed(elsewhere, steps=4) as relay, pytest.raises(ServiceError, match="went away"):
        rig.engine.upload(relay.uploads(), ignore)
    assert rig.store.head(blob_key(Digest.of(content_of(3 * STEP - 7)))) is None
    assert not rig.uploads()
    assert not memory_files()


def test_a_blob_that_ends_early_is_no_blob(rig: Rig) -> None:
    elsewhere = Elsewhere()
    digest = Digest.of(content_of(STEP + 1))
    elsewhere.contents[digest] = content_of(STEP + 1)[:-1]
    blobs = [Descriptor("layer", digest, STEP + 1)]
    with (
        Relay(
            elsewhere.open_range,
            blobs,
            uploading,
            room_bytes=STEP,
            step_bytes=lambda _: STEP,
            connections=2,
        ) as relay,
        pytest.raises(IntegrityError, match="early"),
    ):
        rig.engine.upload(relay.uploads(), ignore)
    assert rig.store.head(blob_key(digest)) is None


def test_cancelling_ends_it_while_nothing_comes(rig: Rig) -> None:
    elsewhere = Elsewhere()
    elsewhere.is_held.clear()
    cancel = Flag()
    timer = Timer(0.5, cancel.set)
    timer.start()
    try:
        with relayed(elsewhere, steps=2) as relay, pytest.raises(Interrupted):
            try:
                rig.engine.upload(relay.uploads(), ignore, cancel)
            finally:
                elsewhere.is_held.set()
    finally:
        timer.cancel()
    assert not rig.uploads()


def test_what_another_push_has_stored_meanwhile_counts_as_stored(rig: Rig) -> None:
    elsewhere = Elsewhere()
    elsewhere.is_held.clear()

    def store_all() -> None:
        for digest, content in elsewhere.contents.items():
            rig.store.put(blob_key(digest), content)
        elsewhere.is_held.set()

    threading.Timer(0.3, store_all).start()
    with relayed(elsewhere, steps=3) as relay:
        rig.engine.upload(relay.uploads(), ignore)
    for digest, content in elsewhere.contents.items():
        assert rig.store.get(blob_key(digest)) == content
    assert not rig.uploads()


def test_thousands_of_blobs_need_few_files_open(rig: Rig) -> None:
    contents = [b"%d" % number for number in range(600)]
    elsewhere = Elsewhere()
    elsewhere.contents = {Digest.of(content): content for content in contents}
    most = 0

    def watch(_: Event) -> None:
        nonlocal most
        most = max(most, memory_files())

    with relayed(elsewhere, steps=100) as relay:
        rig.engine.upload(relay.uploads(), watch)
    assert most < 400
    assert sum(1 for _ in rig.store.list("blobs/")) == 600
