"""Ahead: pieces come in order, errors where they happened, and nobody waits for who has left."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from s3lo.errors import Interrupted
from s3lo.transports.ahead import ahead


def test_all_pieces_come_in_order() -> None:
    assert list(ahead(bytes([n]) for n in range(100))) == [bytes([n]) for n in range(100)]


def test_some_are_made_before_they_are_asked_for_and_no_more() -> None:
    made = []

    def pieces() -> Iterator[bytes]:
        for number in range(100):
            made.append(number)
            yield b"x"

    coming = ahead(pieces())
    next(coming)
    deadline = time.monotonic() + 5
    while len(made) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert 3 <= len(made) <= 10


def test_an_error_comes_after_the_pieces_before_it() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"one"
        raise Interrupted("cancelled")

    coming = ahead(pieces())
    assert next(coming) == b"one"
    with pytest.raises(Interrupted):
        next(coming)


def test_who_stops_does_not_wait_for_a_piece_that_never_comes() -> None:
    is_over, is_closed = threading.Event(), threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            yield b"one"
            is_over.wait(20)
            yield b"two"
        finally:
            is_closed.set()

    coming = ahead(pieces())
    assert next(coming) == b"one"
    started_at = time.monotonic()
    coming.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started_at < 5
    is_over.set()
    assert is_closed.wait(5)
