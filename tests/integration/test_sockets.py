"""The socket backend against servers that say exactly what a test wants: what a range becomes."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from s3lo.engine.jobs import Done, Failed, Hashed, Outcome
from s3lo.engine.sockets.dialer import Dialer
from s3lo.errors import (
    AccessDeniedError,
    Interrupted,
    LocalError,
    NotFoundError,
    ServiceError,
    SizeMismatch,
    ThrottledError,
)
from s3lo.model.objects import Endpoint
from tests.integration.receiving import CONTENT, HEX, Backend, ranged, receiving
from tests.servers.scripted import AROUND_BYTES, Scripted, Step


def answer(status: str, body: bytes = b"", *headers: str) -> list[Step]:
    lines = "".join(f"{line}\r\n" for line in headers)
    return [f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body]


def failed(outcome: Outcome) -> Failed:
    assert isinstance(outcome, Failed)
    return outcome


def test_ranges_come_over_one_connection_and_the_digest_after_the_last(tmp_path: Path) -> None:
    with receiving(Scripted([ranged, ranged]), tmp_path) as made:
        assert made.fetch(0, 5000) == Done(1, '"one"')
        assert made.fetch(5000, len(CONTENT) - 5000) == Done(1, '"one"')
        assert made.reports.get(timeout=30) == Hashed(0, HEX)
        assert made.path.read_bytes() == CONTENT
        assert 0 < made.backend.carried_bytes() - len(CONTENT) < AROUND_BYTES


def test_a_kept_connection_that_was_closed_meanwhile_is_nobodys_failure(tmp_path: Path) -> None:
    with receiving(Scripted([ranged], [ranged]), tmp_path) as made:
        assert isinstance(made.fetch(0, 5000), Done)
        time.sleep(0.1)
        assert isinstance(made.fetch(5000, 1000), Done)


def test_a_service_that_says_close_is_taken_at_its_word(tmp_path: Path) -> None:
    def closing(request: str) -> list[Step]:
        [text] = ranged(request)
        assert isinstance(text, bytes)
        return [text.replace(b"\r\n", b"\r\nConnection: close\r\n", 1), 60.0]

    with receiving(Scripted([closing], [ranged]), tmp_path) as made:
        assert isinstance(made.fetch(0, 5000), Done)
        assert isinstance(made.fetch(5000, 1000), Done)


def test_a_fresh_connection_that_breaks_is_a_failure_worth_repeating(tmp_path: Path) -> None:
    with receiving(Scripted([]), tmp_path) as made:
        outcome = failed(made.fetch())
        assert (outcome.retryable, outcome.kept_bytes) == (True, 0)
        assert isinstance(outcome.error, ServiceError)


def test_what_came_before_a_break_is_kept_and_hashed(tmp_path: Path) -> None:
    def broken(request: str) -> list[Step]:
        return ranged(request, cut=1000)

    with receiving(Scripted([broken], [ranged]), tmp_path) as made:
        job = made.start(1, 0, len(CONTENT))
        outcome = failed(made.reports.get(timeout=30))
        assert outcome.retryable
        assert outcome.kept_bytes == len(CONTENT) - 1000
        made.backend.start(job.without_first(outcome.kept_bytes), made.reports.put)
        assert isinstance(made.reports.get(timeout=30), Done)
        assert made.reports.get(timeout=30) == Hashed(0, HEX)
        assert made.path.read_bytes() == CONTENT


def test_a_body_that_stops_coming_is_given_up_in_time_with_what_came(tmp_path: Path) -> None:
    def stalling(request: str) -> list[Step]:
        return [*ranged(request, cut=10), 30.0]

    with receiving(Scripted([stalling]), tmp_path) as made:
        started_at = time.monotonic()
        outcome = failed(made.fetch())
        assert time.monotonic() - started_at < 5
        assert outcome.kept_bytes == len(CONTENT) - 10
        assert "silent" in str(outcome.error)


def test_an_answer_that_does_not_begin_is_given_up_after_the_jobs_patience(tmp_path: Path) -> None:
    with receiving(Scripted([[30.0]]), tmp_path) as made:
        started_at = time.monotonic()
        assert failed(made.fetch(patience_seconds=0.5)).retryable
        assert 0.4 < time.monotonic() - started_at < 3


@pytest.mark.parametrize("wait", [0.0, 0.2])
def test_a_cancelled_range_ends_at_once(tmp_path: Path, wait: float) -> None:
    with receiving(Scripted([[30.0]]), tmp_path) as made:
        started_at = time.monotonic()
        made.start(1, 0, 100, patience_seconds=20)
        time.sleep(wait)
        made.backend.cancel(1)
        assert isinstance(failed(made.reports.get(timeout=30)).error, Interrupted)
        assert time.monotonic() - started_at < 3


DENIED = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
ABSENT = b"<Error><Code>NoSuchKey</Code></Error>"
BUSY = b"<Error><Code>SlowDown</Code></Error>"
CHUNKED = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (ABSENT[:7], ABSENT[7:]))


@pytest.mark.parametrize(
    ("said", "kind", "retryable"),
    [
        (answer("403 Forbidden", DENIED), AccessDeniedError, False),
        (answer("404 Not Found", ABSENT), NotFoundError, False),
        (
            [
                b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n",
                CHUNKED,
                b"0\r\n\r\n",
            ],
            NotFoundError,
            False,
        ),
        ([b"HTTP/1.0 404 Not Found\r\n\r\n" + ABSENT], NotFoundError, False),
        (answer("503 Slow Down", BUSY), ThrottledError, True),
        (answer("500 Internal Server Error"), ServiceError, True),
        (answer("416 Range Not Satisfiable"), SizeMismatch, False),
        (answer("412 Precondition Failed"), ServiceError, True),
        (
            [b"HTTP/1.1 100 Continue\r\n\r\n", *answer("404 Not Found", ABSENT)],
            NotFoundError,
            False,
        ),
        ([b"SSH-2.0-OpenSSH\r\n\r\n"], ServiceError, True),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"x" * (80 << 10)], ServiceError, True),
        (answer("200 OK", CONTENT[:-1]), SizeMismatch, False),
        (
            answer("206 Partial Content", CONTENT[:9], f"Content-Range: bytes 0-9/{len(CONTENT)}"),
            ServiceError,
            True,
        ),
    ],
)
def test_other_answers_are_the_failures_that_they_mean(
    tmp_path: Path, said: list[Step], kind: type[Exception], retryable: bool
) -> None:
    with receiving(Scripted([said]), tmp_path) as made:
        outcome = failed(made.fetch())
        assert type(outcome.error) is kind
        assert outcome.retryable == retryable
        assert outcome.throttled == (kind is ThrottledError)
        assert outcome.replaced == (b"412" in said[0])  # type: ignore[operator]
        assert not made.path.exists()


def test_a_refusal_leaves_the_connection_for_the_next_range(tmp_path: Path) -> None:
    with receiving(server := Scripted([answer("503 Slow Down", BUSY), ranged]), tmp_path) as made:
        assert failed(made.fetch()).throttled
        assert isinstance(made.fetch(), Done)
        assert server.connections == 1


def test_parts_are_asked_for_on_condition_of_the_objects_etag(tmp_path: Path) -> None:
    with receiving(server := Scripted([ranged, ranged]), tmp_path) as made:
        made.fetch(0, 100)
        made.fetch(100, 100, etag='"one"')
        assert "if-match" not in server.requests[0]
        assert 'if-match: "one"\r\n' in server.requests[1]


def test_where_nobody_listens_the_failure_names_whom_it_tried(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    made = Backend(f"http://127.0.0.1:{port}", tmp_path)
    outcome = failed(made.fetch())
    made.backend.close()
    assert outcome.retryable
    assert f"127.0.0.1:{port}" in str(outcome.error)


def test_a_file_that_cannot_be_written_is_no_networks_fault(tmp_path: Path) -> None:
    with receiving(Scripted([ranged]), tmp_path / "absent") as made:
        outcome = failed(made.fetch())
        assert not outcome.retryable
        assert outcome.error.exit_code == 8


def test_connections_are_bound_to_the_interfaces_in_turn() -> None:
    bound: list[str] = []

    class Noting(socket.socket):
        def setsockopt(self, level: int, option: int, value: object) -> None:  # type: ignore[override]
            if option == socket.SO_BINDTODEVICE:
                assert isinstance(value, bytes)
                bound.append(value.rstrip(b"\0").decode())
            super().setsockopt(level, option, value)  # type: ignore[call-overload]

    with Scripted([ranged], [ranged]) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", Noting)
        endpoint = Endpoint("bucket", "us-east-1", server.url, path_style=True)
        dialer = Dialer(endpoint, ("lo", "absent0"))
        dialer.dial().close()
        with pytest.raises(LocalError, match="absent0"):
            dialer.dial()
    assert bound == ["lo", "absent0"]


def test_as_many_lanes_as_ranges_at_one_time_and_no_more(tmp_path: Path) -> None:
    def slowly(request: str) -> list[Step]:
        return [0.3, *ranged(request)]

    server = Scripted([slowly] * 20, last_repeats=True)
    with receiving(server, tmp_path) as made:
        for again in range(2):
            for number in range(5):
                made.start(10 * again + number, 100 * number, 100, is_hashed=False)
            assert all(isinstance(made.reports.get(timeout=30), Done) for _ in range(5))
        assert server.connections == 5
