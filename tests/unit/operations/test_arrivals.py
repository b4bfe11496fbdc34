"""Arrivals: who follows a transfer reads no byte that has not come, and knows when one was wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from s3lo.engine.transfers import Download
from s3lo.errors import Interrupted
from s3lo.events import BlobAgain, BlobDone, PartDone, ignore
from s3lo.model.digest import Digest
from s3lo.operations.pulling.arrivals import Arrivals

ONE, EMPTY = Digest.of(b"one"), Digest.of(b"")
NAME = str(ONE)


def arrivals(present: tuple[tuple[int, int], ...] = ()) -> Arrivals:
    blobs = [Download(ONE, 100, "one", Path("one"), present), Download(EMPTY, 0, "e", Path("e"))]
    return Arrivals(ignore, blobs)


def returns(wait: Callable[[], object]) -> bool:
    """Whether it does so without anything more."""
    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    waiting.join(0.05)
    return not waiting.is_alive()


def test_bytes_are_there_when_their_parts_have_come_in_whatever_order() -> None:
    come = arrivals()
    for offset in (80, 20, 60):
        come.observe(PartDone(NAME, offset, 20))
    assert returns(lambda: come.wait_for(ONE, 60, 100))
    assert returns(lambda: come.wait_for(ONE, 20, 40))
    assert not returns(lambda: come.wait_for(ONE, 20, 41))
    assert not returns(lambda: come.wait_for(ONE, 0, 1))


def test_what_an_earlier_try_left_is_there() -> None:
    come = arrivals(present=((0, 30),))
    assert returns(lambda: come.wait_for(ONE, 0, 30))
    assert not returns(lambda: come.wait_for(ONE, 0, 31))


def test_all_parts_prove_nothing() -> None:
    come = arrivals()
    come.observe(PartDone(NAME, 0, 100))
    assert not returns(lambda: come.wait_until_proven(ONE))
    come.observe(BlobDone(NAME, 100))
    assert come.wait_until_proven(ONE)


def test_a_blob_told_as_a_whole_is_there_and_proven() -> None:
    """As engines do that fetch whole objects."""
    come = arrivals()
    come.observe(BlobDone(NAME, 100))
    come.wait_for(ONE, 0, 100)
    assert come.wait_until_proven(ONE)


def test_a_blob_that_is_fetched_again_has_to_come_again_and_is_another() -> None:
    come = arrivals()
    come.observe(PartDone(NAME, 0, 100))
    come.observe(BlobAgain(NAME))
    assert not returns(lambda: come.wait_for(ONE, 0, 1))
    come.observe(PartDone(NAME, 0, 100))
    come.observe(BlobDone(NAME, 100))
    assert not come.wait_until_proven(ONE)


def test_an_empty_blob_is_there_when_it_is_done() -> None:
    come = arrivals()
    assert not returns(lambda: come.wait_for(EMPTY, 0, 0))
    come.observe(BlobDone(str(EMPTY), 0))
    come.wait_for(EMPTY, 0, 0)


def test_a_blob_that_was_never_to_come_is_there() -> None:
    come = arrivals()
    come.wait_for(Digest.of(b"known"), 0, 10)
    assert come.wait_until_proven(Digest.of(b"known"))


def test_the_end_of_the_transfer_ends_every_wait() -> None:
    come = arrivals()
    come.end()
    with pytest.raises(Interrupted):
        come.wait_for(ONE, 0, 1)
    with pytest.raises(Interrupted):
        come.wait_until_proven(ONE)
