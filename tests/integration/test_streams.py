"""Streams: who waits for much is woken once, and misses neither a little of it nor its end."""

from __future__ import annotations

import mmap
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from s3lo.engine.sockets.pipe import PIPE_BYTES, NoWay, Pipe
from s3lo.engine.sockets.stream import PlainStream, Stream, TlsStream
from tests.faults.command import eventually
from tests.integration.secured import connected, secured
from tests.servers.certificate import Certificate

MUCH = 256 << 10
LAST = 32 << 10
PIECE = 4 << 10
PIECES = 256
LONG_SECONDS = 10.0


class Ends(NamedTuple):
    """A stream, what is at its other end, and what takes some of what has come of so many bytes."""

    stream: Stream
    theirs: socket.socket
    take: Callable[[int], int]


@pytest.fixture(params=["plain", "tls", "plain, by a pipe"])
def ends(request: pytest.FixtureRequest, localhost: Certificate) -> Iterator[Ends]:
    ours, theirs = connected()
    stream: Stream = PlainStream(ours)
    if request.param == "tls":
        ours, theirs = secured(ours, theirs, localhost)
        stream = TlsStream(ours)
    stream.wait_at_most(2.0)
    pipe = Pipe()
    memory = memoryview(bytearray(PIPE_BYTES))  # all that one may give

    def take(coming_bytes: int) -> int:
        if "pipe" not in request.param:
            return stream.receive_much(memory[:coming_bytes], coming_bytes)
        assert pipe.is_usable
        count = stream.pass_on(pipe, coming_bytes)
        return pipe.read_into(memory[:count]) if count else 0

    yield Ends(stream, theirs, take)
    stream.close()
    theirs.close()
    pipe.close()


@pytest.fixture
def long_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3lo.engine.sockets.stream._STEP_SECONDS", LONG_SECONDS)


def test_much_that_comes_in_small_pieces_wakes_seldom(ends: Ends) -> None:
    """The least of a few times: to wait for the interpreter, which the sender has too, only adds. Of
    many pieces: the last 150 KiB wake each by itself in TLS, and others come while nobody has time."""
    assert min(_times_waited(ends) for _ in range(3)) < PIECES / 2


def _times_waited(ends: Ends) -> int:
    """While so much came in small pieces."""
    _, theirs, take = ends

    def send() -> None:
        for _ in range(PIECES):
            theirs.sendall(bytes(PIECE))
            time.sleep(0.002)

    sending = threading.Thread(target=send)
    sending.start()
    filled = 0
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
    while filled < PIECES * PIECE:
        filled += take(PIECES * PIECE - filled)
    waited = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before
    sending.join()
    return waited


def test_the_rest_of_much_wakes_when_it_is_there(ends: Ends, long_steps: None) -> None:
    """What was there when a reader came was taken, and as much as before was waited for: the ends of
    parts waited half a second each."""
    del long_steps
    stream, theirs, take = ends
    stream.wait_at_most(2 * LONG_SECONDS)
    theirs.sendall(bytes(MUCH - 2 * LAST))
    filled = 0
    while filled < MUCH - 2 * LAST:
        filled += take(MUCH - filled)
    theirs.sendall(bytes(LAST))
    threading.Timer(0.05, lambda: theirs.sendall(bytes(LAST))).start()
    started_at = time.monotonic()
    while filled < MUCH:
        filled += take(MUCH - filled)
    assert time.monotonic() - started_at < LONG_SECONDS / 2, "no step had passed"


def test_a_little_of_much_is_taken_after_a_moment(
    ends: Ends,
) -> None:
    """A connection of a few bytes a second is slow, not silent."""
    _, theirs, take = ends
    theirs.sendall(b"some")
    assert take(MUCH) == 4


def test_the_end_of_much_wakes_at_once(ends: Ends, long_steps: None) -> None:
    del long_steps
    stream, theirs, take = ends
    stream.wait_at_most(LONG_SECONDS)
    theirs.sendall(b"some")
    threading.Timer(0.05, lambda: theirs.shutdown(socket.SHUT_WR)).start()
    started_at = time.monotonic()
    assert take(MUCH) == 4
    assert take(MUCH) == 0
    assert time.monotonic() - started_at < LONG_SECONDS / 2, "no step had passed"


def test_silence_after_a_little_of_much_ends_patience(
    ends: Ends,
) -> None:
    stream, theirs, take = ends
    stream.wait_at_most(1.0)
    theirs.sendall(b"some")
    started_at = time.monotonic()
    assert take(MUCH) == 4
    with pytest.raises((BlockingIOError, TimeoutError)):
        take(MUCH)
    assert 1.0 <= time.monotonic() - started_at < LONG_SECONDS


def test_an_answer_after_much_is_heard_at_once(ends: Ends, long_steps: None) -> None:
    """What wakes for much of a body would sleep through the head of the next answer."""
    del long_steps
    stream, theirs, take = ends
    stream.wait_at_most(LONG_SECONDS)
    memory = memoryview(bytearray(MUCH))
    theirs.sendall(bytes(MUCH))
    filled = 0
    while filled < MUCH:
        filled += take(MUCH - filled)
    threading.Timer(0.05, lambda: theirs.sendall(b"HTTP/1.1 200 OK\r\n\r\n")).start()
    started_at = time.monotonic()
    assert not stream.has_come()
    assert stream.receive_into(memory) == 19
    assert time.monotonic() - started_at < LONG_SECONDS / 2


def test_what_comes_by_tls_is_passed_on_by_nobody(ends: Ends) -> None:
    stream, theirs, _ = ends
    theirs.sendall(b"some")
    pipe = Pipe()
    assert pipe.is_usable
    if isinstance(stream, TlsStream):
        with pytest.raises(NoWay):
            stream.pass_on(pipe, MUCH)
    else:
        assert stream.pass_on(pipe, MUCH) == 4
    pipe.close()


def test_a_pipe_without_room_is_no_reason_to_wait() -> None:
    """A packet takes a place of it, be it a byte: it is full with 128 bytes, and nobody makes room."""
    ours, theirs = connected()
    stream, pipe = PlainStream(ours), Pipe()
    stream.wait_at_most(LONG_SECONDS)
    assert pipe.is_usable
    with ours, theirs, pytest.raises(BlockingIOError):
        while True:
            theirs.sendall(b"x")
            stream.pass_on(pipe, PIPE_BYTES)
    assert 0 < pipe.held_bytes <= PIPE_BYTES // mmap.PAGESIZE
    pipe.close()


def test_what_has_come_counts_before_anybody_receives_it(ends: Ends) -> None:
    """Of what had waited a link of 2 Gbit/s seemed to bring 3.4, and got six times the connections."""
    stream, theirs, take = ends
    before = stream.carried_bytes()
    theirs.sendall(bytes(PIECE))
    assert eventually(lambda: stream.carried_bytes() >= before + PIECE)
    after = stream.carried_bytes()
    while take(PIECE) == 0:
        pass
    assert stream.carried_bytes() == after
    stream.send(memoryview(bytes(PIECE)))
    assert eventually(lambda: stream.carried_bytes() >= after + PIECE)


def test_all_that_is_there_is_taken_at_once(ends: Ends) -> None:
    """TLS gives a record a call; a reader that returned after each took 1.06 times as long for 4 GiB."""
    stream, theirs, take = ends
    before = stream.carried_bytes()
    theirs.sendall(bytes(LAST))
    assert eventually(lambda: stream.carried_bytes() >= before + LAST)
    assert take(MUCH) == LAST


@pytest.mark.parametrize("ends", ["tls"], indirect=True)
def test_what_came_before_a_broken_record_is_not_lost(ends: Ends) -> None:
    stream, theirs, take = ends
    before = stream.carried_bytes()
    theirs.sendall(b"some")
    socket.socket.sendall(theirs, bytes([0x17, 3, 3, 0, 64]) + bytes(64))  # RFC 8446, section 5.1
    assert eventually(lambda: stream.carried_bytes() > before + 64)
    assert take(MUCH) == 4
    with pytest.raises(ssl.SSLError, match=r"(?i)mac"):
        take(MUCH)
