"""The socket wire: documents over connections of its own, which a transfer goes on with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import psutil
import pytest

from s3lo.engine.sockets.wire import SocketWire
from s3lo.errors import ServiceError
from s3lo.model.objects import Endpoint, Request
from tests.servers.scripted import Read, Scripted, Step

HEAD = Request("HEAD", "HeadObject", "key")
THERE: list[Step] = [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"]


def wire_to(server: Scripted) -> SocketWire:
    return SocketWire(Endpoint("bucket", "us-east-1", server.url, path_style=True), lambda: None)


def test_each_of_several_threads_has_a_connection_and_a_transfer_gets_them_all() -> None:
    together = Barrier(4)

    def answered_together(request: str) -> list[Step]:
        del request
        together.wait(30)
        return THERE

    with Scripted([answered_together, THERE, THERE], last_repeats=True) as server:
        wire = wire_to(server)
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(wire.send, 4 * [HEAD]))
        assert [answer.status for answer in answers] == 4 * [200]
        assert wire.send(HEAD).status == 200
        assert server.connections == 4
        dialer = wire.hand_over()
        kept = [dialer.dial() for _ in range(4)]
        assert all(connection.answers for connection in kept)
        fresh = dialer.dial()
        assert not fresh.answers
        for connection in (*kept, fresh):
            connection.close()
        wire.close()


def test_a_document_is_written_with_its_headers_and_a_refusal_is_an_answer() -> None:
    refused: list[Step] = [Read(), b"HTTP/1.1 412 No\r\nContent-Length: 0\r\n\r\n"]
    put = Request("PUT", "PutObject", "key", headers=(("if-none-match", "*"),), body=b"document")
    with Scripted([refused]) as server:
        wire = wire_to(server)
        assert wire.send(put).status == 412
        assert server.bodies == [b"document"]
        assert "if-none-match: *\r\ncontent-length: 8\r\n" in server.requests[0]
        wire.close()


def test_a_write_that_may_have_been_done_unseen_is_not_made_again_unseen() -> None:
    """Whoever writes on a condition has to know that the refusal may be his own doing."""
    put = Request("PUT", "PutObject", "key", headers=(("if-none-match", "*"),), body=b"document")
    with Scripted([THERE, [Read()]]) as server:
        wire = wire_to(server)
        wire.send(HEAD)
        with pytest.raises(ServiceError):
            wire.send(put)
        assert len(server.requests) == 2
        wire.close()


def test_a_connection_that_is_answered_after_the_end_does_not_stay_open() -> None:
    """Who is interrupted does not wait for requests that hang."""
    came, may_answer = Event(), Event()

    def answered_late(request: str) -> list[Step]:
        del request
        came.set()
        may_answer.wait(30)
        return THERE

    with Scripted([answered_late]) as server, ThreadPoolExecutor(1) as threads:
        wire = wire_to(server)
        answer = threads.submit(wire.send, HEAD)
        assert came.wait(30)
        wire.close()
        may_answer.set()
        assert answer.result().status == 200
        port = int(server.url.rpartition(":")[2])
        assert not [c for c in psutil.Process().net_connections() if c.raddr and c.raddr[1] == port]
