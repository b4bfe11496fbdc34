"""The socket backend against servers that say exactly what a test wants: what is sent, and becomes of it."""

from __future__ import annotations

import base64
import hashlib
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest
from awscrt.checksums import crc64nvme
from msgspec.structs import replace

from s3lo.engine.backend import SocketConfig
from s3lo.engine.jobs import (
    Abort,
    Begin,
    Done,
    Failed,
    Finish,
    Hashed,
    Job,
    Look,
    Outcome,
    Put,
    PutPart,
)
from s3lo.engine.sockets import range_sender
from s3lo.engine.sockets.backend import SocketBackend
from s3lo.errors import (
    AccessDeniedError,
    DigestMismatch,
    Interrupted,
    LocalError,
    ServiceError,
    ThrottledError,
)
from s3lo.model.digest import Digest
from s3lo.model.multipart import StoredPart
from s3lo.model.objects import Credentials, Endpoint
from tests.servers.certificate import Certificate, make_certificate
from tests.servers.scripted import AROUND_BYTES, Read, Script, Scripted, Step

SMALL = bytes(range(256)) * 40
LARGE = hashlib.shake_128(b"a part").digest(24 << 20)
"""More than all buffers on the way take."""
BEFORE = 100
"""Where the blob begins in its file."""
BUSY = b"<Error><Code>SlowDown</Code></Error>"
DENIED = b"<Error><Code>AccessDenied</Code></Error>"
BEGUN = (
    b"<InitiateMultipartUploadResult><UploadId>u&amp;1</UploadId></InitiateMultipartUploadResult>"
)


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = "".join(f"{line}\r\n" for line in headers)
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body


STORED: list[Step] = [Read(), answer("200 OK", b"", 'ETag: "e"')]


class Backend:
    """A backend with a blob of a file to send, and what it reported."""

    def __init__(self, url: str, directory: Path, content: bytes, ca_bundle: str) -> None:
        endpoint = Endpoint("bucket", "us-east-1", url, path_style=True, ca_bundle=ca_bundle)
        self.backend = SocketBackend(SocketConfig(endpoint, Credentials("ID", "secret")))
        self.reports: SimpleQueue[Outcome] = SimpleQueue()
        self.content = content
        self.path = directory / "archive"
        self.path.write_bytes(b"-" * BEFORE + content + b"after")

    def part(self, offset: int = 0, length: int | None = None, **more: object) -> PutPart:
        size = len(self.content)
        given = {"is_checked": True, "is_hashed": True, **more}
        return PutPart(
            id=1 + offset,
            blob=0,
            key="key",
            upload_id="u",
            number=1 + offset // 5000,
            path=str(self.path),
            file_offset=BEFORE + offset,
            offset=offset,
            length=size - offset if length is None else length,
            object_size=size,
            **given,  # type: ignore[arg-type]
        )

    def put(self, digest: Digest | None) -> Put:
        headers = (("x-amz-meta-kind", "test"),)
        return Put(1, 0, "key", str(self.path), BEFORE, len(self.content), headers, digest=digest)

    def start(self, job: Job) -> None:
        self.backend.start(job, self.reports.put)

    def send(self, job: Job) -> Outcome:
        self.start(job)
        return self.next()

    def next(self) -> Outcome:
        return self.reports.get(timeout=14)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.fixture(params=["plain", "tls"])
def context(request: pytest.FixtureRequest) -> ssl.SSLContext | None:
    if request.param == "plain":
        return None
    made: Certificate = request.getfixturevalue("certificate")
    return made.serving()


@pytest.fixture
def ca_bundle(request: pytest.FixtureRequest, context: ssl.SSLContext | None) -> str:
    return str(request.getfixturevalue("certificate").authority) if context else ""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


@contextmanager
def sending(
    directory: Path,
    *scripts: Script,
    content: bytes = SMALL,
    context: ssl.SSLContext | None = None,
    ca_bundle: str = "",
) -> Iterator[tuple[Backend, Scripted]]:
    with Scripted(*scripts, context=context) as server:
        made = Backend(server.url, directory, content, ca_bundle)
        try:
            yield made, server
        finally:
            made.backend.close()


def failed(outcome: Outcome) -> Failed:
    assert isinstance(outcome, Failed)
    return outcome


def checksum(content: bytes) -> str:
    return base64.b64encode(crc64nvme(content).to_bytes(8, "big")).decode()


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_parts_go_over_one_connection_and_are_hashed_on_their_way(
    tmp_path: Path, context: ssl.SSLContext | None, ca_bundle: str, content: bytes
) -> None:
    script = [STORED, STORED]
    with sending(tmp_path, script, content=content, context=context, ca_bundle=ca_bundle) as (
        made,
        server,
    ):
        first, rest = content[:5000], content[5000:]
        assert made.send(made.part(0, 5000)) == Done(1, '"e"', checksum(first))
        reports = [made.send(made.part(5000)), made.next()]
        assert Done(5001, '"e"', checksum(rest)) in reports
        assert Hashed(0, hashlib.sha256(content).hexdigest()) in reports
        assert server.bodies == [first, rest]
        assert server.connections == 1
        assert "PUT /bucket/key?partNumber=1&uploadId=u HTTP/1.1\r\n" in server.requests[0]
        assert f"x-amz-checksum-crc64nvme: {checksum(first)}\r\n" in server.requests[0]
        assert "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n" in server.requests[0]
        assert "expect" not in server.requests[0]
        assert 0 < made.backend.carried_bytes() - len(content) < AROUND_BYTES


def test_parts_that_are_sent_side_by_side_are_hashed_in_the_blobs_order(tmp_path: Path) -> None:
    starts = range(0, len(LARGE), 2 << 20)
    with sending(tmp_path, *[[STORED]] * len(starts), content=LARGE) as (made, _):
        for start in reversed(starts):
            made.start(made.part(start, min(2 << 20, len(LARGE) - start)))
        reports = [made.next() for _ in range(len(starts) + 1)]
        assert Hashed(0, hashlib.sha256(LARGE).hexdigest()) in reports


def test_what_needs_neither_hash_nor_checksum_carries_none(tmp_path: Path) -> None:
    with sending(tmp_path, [STORED]) as (made, server):
        assert made.send(made.part(is_checked=False, is_hashed=False)) == Done(1, '"e"', "")
        assert "checksum" not in server.requests[0]
        assert server.bodies == [SMALL]
        assert made.reports.empty()


@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
def test_a_whole_object_is_proven_before_it_is_sent(tmp_path: Path, content: bytes) -> None:
    with sending(tmp_path, [STORED, STORED], content=content) as (made, server):
        wrong = failed(made.send(made.put(Digest.of(content + b"?"))))
        assert isinstance(wrong.error, DigestMismatch)
        assert not wrong.retryable
        assert not server.requests
        for digest in (Digest.of(content), None):
            assert made.send(made.put(digest)) == Done(1)
        assert server.bodies == [content, content]
        assert "x-amz-meta-kind: test\r\n" in server.requests[0]


def test_a_file_that_is_shorter_than_it_was_is_no_networks_fault(tmp_path: Path) -> None:
    with sending(tmp_path, [[Read()]], [[Read()]], content=LARGE) as (made, _):
        made.path.write_bytes(LARGE[:-1000])
        for job in (made.part(), made.part(is_checked=False, is_hashed=False)):
            outcome = failed(made.send(job))
            assert isinstance(outcome.error, LocalError)
            assert not outcome.retryable
        made.path.unlink()
        assert "archive" in str(failed(made.send(made.part())).error)


@pytest.mark.parametrize(
    ("before", "after"),
    [([], []), ([], [30.0]), ([0.5], [30.0])],
    ids=["closes", "stays", "when-all-buffers-are-full"],
)
@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (answer("503 Slow Down", BUSY), ThrottledError),
        (answer("403 No", DENIED), AccessDeniedError),
    ],
    ids=["busy", "denied"],
)
def test_an_answer_that_comes_before_the_body_was_taken_is_not_lost(
    tmp_path: Path,
    context: ssl.SSLContext | None,
    ca_bundle: str,
    said: bytes,
    kind: type[Exception],
    before: list[Step],
    after: list[Step],
) -> None:
    early = [Read(1 << 20), *before, said, *after]
    with sending(
        tmp_path, [early], [STORED], content=LARGE, context=context, ca_bundle=ca_bundle
    ) as (made, server):
        job = made.part(is_hashed=False)
        outcome = failed(made.send(job))
        assert type(outcome.error) is kind
        assert outcome.throttled == (kind is ThrottledError)
        assert isinstance(made.send(job), Done)
        assert server.connections == 2


def test_a_provisional_answer_is_none(tmp_path: Path) -> None:
    provisional: list[Step] = [b"HTTP/1.1 100 Continue\r\n\r\n", *STORED]
    with sending(tmp_path, [provisional], content=LARGE) as (made, server):
        assert isinstance(made.send(made.part(is_hashed=False)), Done)
        assert server.bodies == [LARGE]


def test_a_connection_that_breaks_under_a_part_is_a_failure_worth_repeating(
    tmp_path: Path, context: ssl.SSLContext | None, ca_bundle: str
) -> None:
    with sending(
        tmp_path, [[Read(1 << 20)]], [STORED], content=LARGE, context=context, ca_bundle=ca_bundle
    ) as (made, _):
        outcome = failed(made.send(made.part(is_hashed=False)))
        assert outcome.retryable
        assert isinstance(outcome.error, ServiceError)
        assert isinstance(made.send(made.part(is_hashed=False)), Done)


def test_what_was_hashed_when_sending_failed_is_only_sent_again(tmp_path: Path) -> None:
    with sending(tmp_path, [[Read()]], [STORED], [STORED]) as (made, _):
        outcome = failed(made.send(made.part(0, 5000)))
        assert outcome.was_hashed
        assert isinstance(made.send(made.part(0, 5000, is_hashed=False)), Done)
        reports = [made.send(made.part(5000)), made.next()]
        assert Hashed(0, hashlib.sha256(SMALL).hexdigest()) in reports


def test_a_kept_connection_that_was_closed_meanwhile_is_nobodys_failure(tmp_path: Path) -> None:
    begun: list[Step] = [answer("200 OK", BEGUN)]
    with sending(tmp_path, [STORED], [STORED], [begun]) as (made, server):
        for job in (made.part(0, 5000), made.part(5000), Begin(9, 1, "key", 99, ())):
            assert isinstance(made.send(job), Done | Hashed)
            time.sleep(0.1)
        assert server.connections == 3


def test_what_may_have_been_done_unseen_is_told_before_it_is_asked_for_again(
    tmp_path: Path,
) -> None:
    """Finishing twice is answered otherwise than finishing once."""
    finish = Finish(2, 0, "key", "u", (StoredPart(1, '"e"'),), len(SMALL))
    unanswered: Script = [STORED, [Read()]]
    with sending(tmp_path, unanswered, unanswered) as (made, server):
        for job in (finish, replace(made.put(None), if_absent=True)):
            assert isinstance(made.send(made.part(is_hashed=False)), Done)
            assert failed(made.send(job)).retryable
        assert server.connections == 2


def test_an_object_is_looked_for(tmp_path: Path) -> None:
    there: list[Step] = [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"]
    absent: list[Step] = [b"HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\n"]
    with sending(tmp_path, [there, absent]) as (made, server):
        assert made.send(Look(1, 0, "key")) == Done(1, "99")
        assert made.send(Look(2, 0, "key")) == Done(2, "")
        assert server.connections == 1


def test_a_service_that_takes_nothing_more_is_given_up_in_time(
    tmp_path: Path,
    context: ssl.SSLContext | None,
    ca_bundle: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(range_sender, "ANSWER_SECONDS", 0.3)
    with sending(
        tmp_path, [[Read(1), 60.0]], content=LARGE, context=context, ca_bundle=ca_bundle
    ) as (made, _):
        started_at = time.monotonic()
        outcome = failed(made.send(made.part(is_hashed=False)))
        assert outcome.retryable
        assert "silent" in str(outcome.error)
        assert time.monotonic() - started_at < 5


def test_a_service_that_takes_its_time_is_not_given_up(
    tmp_path: Path,
    context: ssl.SSLContext | None,
    ca_bundle: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What lies in the kernel's buffers takes longer than anybody's patience with a silent one."""
    monkeypatch.setattr(range_sender, "ANSWER_SECONDS", 1.0)
    slowly: list[Step] = [step for _ in range(5) for step in (Read(3 << 20), 0.6)]
    with sending(
        tmp_path,
        [[Read(9 << 20), *slowly, *STORED]],
        content=LARGE,
        context=context,
        ca_bundle=ca_bundle,
    ) as (made, server):
        assert isinstance(made.send(made.part(is_hashed=False)), Done)
        assert b"".join(server.bodies) == LARGE


@pytest.mark.parametrize("taken", [[30.0], [Read(), 30.0]], ids=["sending", "waiting"])
def test_a_cancelled_part_ends_at_once(
    tmp_path: Path, context: ssl.SSLContext | None, ca_bundle: str, taken: list[Step]
) -> None:
    with sending(tmp_path, [taken], content=LARGE, context=context, ca_bundle=ca_bundle) as (
        made,
        server,
    ):
        made.start(made.part(is_hashed=False))
        while len(server.bodies) < len(taken) - 1 or not server.requests:
            time.sleep(0.02)
        time.sleep(0.1)
        started_at = time.monotonic()
        threading.Thread(target=made.backend.cancel, args=(1,)).start()
        assert isinstance(failed(made.next()).error, Interrupted)
        assert time.monotonic() - started_at < 3


def test_requests_around_parts_share_their_connection(tmp_path: Path) -> None:
    chunked = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"%x\r\n" % len(BEGUN)]
    begun: list[Step] = [*chunked, BEGUN + b"\r\n", b"0\r\n\r\n"]
    done: list[Step] = [Read(), answer("200 OK", b"<CompleteMultipartUploadResult/>")]
    aborted: list[Step] = [b"HTTP/1.1 204 No Content\r\n\r\n"]
    finish = Finish(3, 0, "key", "u&1", (StoredPart(1, '"e"', "sum"),), 9)
    with sending(tmp_path, [begun, done, aborted, STORED]) as (made, server):
        assert made.send(Begin(2, 0, "key", 9, ())) == Done(2, "u&1", "CRC64NVME")
        assert made.send(finish) == Done(3)
        assert made.send(Abort(4, 0, "key", "u&1")) == Done(4)
        assert isinstance(made.send(made.part(is_hashed=False)), Done)
        assert server.connections == 1
        assert "content-length: 0\r\n" in server.requests[0]
        assert b"<ChecksumCRC64NVME>sum<" in server.bodies[0]
        assert server.requests[2].startswith("DELETE /bucket/key?uploadId=u%261 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "cut",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n<CompleteMultipartUploadRes",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<Comp\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n<Error><Code>InternalError</Code></Error>",
    ],
)
def test_an_upload_is_not_finished_before_its_answer_says_so_to_the_end(
    tmp_path: Path, cut: bytes
) -> None:
    """S3 answers 200 before it knows."""
    finish = Finish(2, 0, "key", "u", (StoredPart(1, '"e"'),), 9)
    with sending(tmp_path, [[Read(), cut]]) as (made, _):
        assert failed(made.send(finish)).retryable
