"""Records: all that have come are taken by one call, and what comes behind them is told as ever."""

from __future__ import annotations

import os
import random
import socket
import ssl
import weakref
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from s3lo.engine.sockets import records
from s3lo.engine.sockets.stream import TlsStream
from tests.faults.command import eventually
from tests.integration.secured import connected, secured
from tests.servers.certificate import Certificate

RECORD = 16 << 10
MUCH = 16 * RECORD
WRONG = b"this is no record, and long enough to be seen to be none"


class Ends(NamedTuple):
    ours: ssl.SSLSocket
    theirs: ssl.SSLSocket
    stream: TlsStream

    def send(self, sent: bytes, *, wrong: bytes = b"") -> None:
        """And wait until all of it is there."""
        before = self.stream.carried_bytes()
        self.theirs.sendall(sent)
        with socket.socket(fileno=os.dup(self.theirs.fileno())) as unsecured:
            unsecured.sendall(wrong)
        assert eventually(lambda: self.stream.carried_bytes() >= before + len(sent) + len(wrong))

    def receive(self, count: int, room: int = MUCH) -> bytes:
        memory, received = memoryview(bytearray(room)), bytearray()
        while len(received) < count:
            left = count - len(received)
            got = self.stream.receive_much(memory[:left], left)
            assert got, "the end"
            received += memory[:got]
        return bytes(received)


def _ends(localhost: Certificate) -> Ends:
    ours, theirs = secured(*connected(), localhost)
    stream = TlsStream(ours)
    stream.wait_at_most(2.0)
    return Ends(ours, theirs, stream)


@pytest.fixture
def ends(localhost: Certificate) -> Iterator[Ends]:
    ends = _ends(localhost)
    yield ends
    ends.stream.close()
    ends.theirs.close()


def test_all_that_are_there_are_taken_by_one_call(ends: Ends) -> None:
    """Asked for one by one, with the interpreter asked for after each, 4 GiB took 1.04 times as long."""
    ends.send(bytes(MUCH))
    taking = records.records_of(ends.ours)
    assert taking
    memory = memoryview(bytearray(2 * MUCH))
    assert taking.take(memory) == MUCH
    assert taking.take(memory) == 0, "nothing has come"
    taking.close()


def test_a_stream_takes_them_so(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    one_by_one, by_ssl = [], ends.stream._read

    def read(count: int, memory: memoryview) -> int:
        one_by_one.append(by_ssl(count, memory))
        return one_by_one[-1]

    monkeypatch.setattr(ends.stream, "_read", read)
    ends.send(bytes(MUCH))
    ends.receive(MUCH)
    assert one_by_one == [RECORD]


@pytest.mark.parametrize("room", [1, 5000, RECORD + 1, 3 * RECORD - 1, MUCH])
def test_the_bytes_are_those_that_were_sent(ends: Ends, room: int) -> None:
    sent = random.randbytes(MUCH if room > 1 else 300)
    ends.send(sent)
    assert ends.receive(len(sent), room) == sent


@pytest.mark.parametrize("unknown", ["library", "place"])
def test_where_openssl_is_not_found_they_come_one_by_one(
    ends: Ends, monkeypatch: pytest.MonkeyPatch, unknown: str
) -> None:
    if unknown == "library":
        monkeypatch.setattr(records, "_openssl", lambda: None)
    else:
        monkeypatch.setattr(weakref, "getweakrefs", lambda _: [])
    assert records.records_of(ends.ours) is None
    sent = random.randbytes(MUCH)
    ends.send(sent)
    assert ends.receive(MUCH) == sent


def test_an_end_without_a_word_is_told_after_what_came_before_it(ends: Ends) -> None:
    sent = random.randbytes(MUCH)
    ends.send(sent)
    ends.theirs.shutdown(socket.SHUT_WR)
    memory = memoryview(bytearray(2 * MUCH))
    assert ends.stream.receive_much(memory, 2 * MUCH) == MUCH
    assert memory[:MUCH] == sent
    assert ends.stream.receive_much(memory, MUCH) == 0


def test_what_is_no_record_is_told_after_what_came_before_it(ends: Ends) -> None:
    sent = random.randbytes(MUCH)
    ends.send(sent, wrong=WRONG)
    # With room for more: what is wrong is met by the call that takes the records before it.
    memory = memoryview(bytearray(2 * MUCH))
    assert ends.stream.receive_much(memory, 2 * MUCH) == MUCH
    assert memory[:MUCH] == sent
    with pytest.raises(ssl.SSLError, match=r"(?i)wrong version|record"):
        ends.receive(MUCH)


def test_a_broken_connection_leaves_nothing_behind_for_the_next(
    ends: Ends, localhost: Certificate
) -> None:
    """OpenSSL keeps what went wrong for each thread, and the next to ask would be told."""
    ends.send(bytes(MUCH), wrong=WRONG)
    taking = records.records_of(ends.ours)
    assert taking
    assert taking.take(memoryview(bytearray(2 * MUCH))) == MUCH
    assert taking.take(memoryview(bytearray(MUCH))) == 0
    taking.close()
    following = _ends(localhost)
    memory = memoryview(bytearray(MUCH))
    with pytest.raises(TimeoutError):
        following.stream.wait_at_most(0.1)
        following.stream.receive_into(memory)
    following.send(bytes(MUCH))
    assert following.receive(MUCH) == bytes(MUCH)
    following.stream.close()
    following.theirs.close()
