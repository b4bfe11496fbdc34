"""What the S3 store makes of a service's answers: busy, elsewhere, conflicting, broken.

The service is a small HTTP server here that answers as the Amazon S3 API reference says; no real
one can be made to on demand.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from s3lo.backoff import ATTEMPTS
from s3lo.bucket import region
from s3lo.bucket.s3 import S3Store
from s3lo.errors import (
    AccessDeniedError,
    NotFoundError,
    RefusedError,
    S3loError,
    ServiceError,
    ThrottledError,
)
from s3lo.model.objects import Credentials, Endpoint, Wire
from s3lo.model.reference import Location


@dataclass(frozen=True)
class Seen:
    """A request as it arrived; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def signed_for(self) -> str:
        """The region in the signature, empty for an anonymous request."""
        scope = self.headers.get("authorization", "").partition("Credential=")[2]
        return scope.split("/")[2] if scope else ""


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def error(status: int, code: str, **headers: str) -> Answer:
    """An S3 error document, and headers with underscores for dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>So.</Message></Error>"
    return Answer(status, body.encode(), named)


HANG_UP = Answer(0)
"""Close the connection instead of answering."""


class Service:
    """Answers with what ``reply`` says of each request, and remembers them all."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.reply: Callable[[Seen], Answer] = lambda _: Answer()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                service._serve(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                """Tests look at ``seen``."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def script(self, *answers: Answer) -> None:
        """Give these answers in turn, and the last one for ever after."""
        remaining = list(answers)
        self.reply = lambda _: remaining.pop(0) if len(remaining) > 1 else remaining[0]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("content-length", 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        seen = Seen(handler.command, handler.path, headers, handler.rfile.read(length))
        self.seen.append(seen)
        answer = self.reply(seen)
        if answer is HANG_UP:
            handler.close_connection = True
            return
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if "content-length" not in answer.headers:
            handler.send_header("content-length", str(len(answer.body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(answer.body)
        declared = int(answer.headers.get("content-length", len(answer.body)))
        if declared != len(answer.body):
            handler.close_connection = True


@dataclass
class Fixture:
    service: Service
    store: S3Store
    slept: list[float]


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


def _wire(kind: str, endpoint: Endpoint, credentials: Credentials | None) -> Wire:
    if kind == "native":
        from s3lo.engine.crt.wire import NativeWire

        return NativeWire(endpoint, lambda: credentials)
    if kind == "sockets":
        from s3lo.engine.sockets.wire import SocketWire

        return SocketWire(endpoint, lambda: credentials)
    from s3lo.bucket.boto_wire import BotoWire

    return BotoWire(endpoint, lambda: credentials)


def _fixture(kind: str, service: Service) -> Iterator[Fixture]:
    endpoint = Endpoint("bucket", "us-east-1", service.url, path_style=True)
    slept: list[float] = []
    wire = _wire(kind, endpoint, Credentials("AKID", "secret", "token"))
    store = S3Store(Location("s3", "bucket"), endpoint, wire, sleep=slept.append)
    yield Fixture(service, store, slept)
    store.close()


@pytest.fixture(params=["boto", "native", "sockets"])
def fixture(request: pytest.FixtureRequest, service: Service) -> Iterator[Fixture]:
    yield from _fixture(request.param, service)


def test_a_request_names_the_bucket_the_key_and_who_asks(fixture: Fixture) -> None:
    fixture.service.script(Answer(200, b"content"))
    assert fixture.store.get("manifests/a b/v1/manifest.json") == b"content"
    [seen] = fixture.service.seen
    assert seen.path == "/bucket/manifests/a%20b/v1/manifest.json"
    assert seen.headers["x-amz-security-token"] == "token"
    assert seen.signed_for == "us-east-1"


@pytest.mark.parametrize("kind", ["boto", "native", "sockets"])
def test_an_anonymous_request_is_not_signed(service: Service, kind: str) -> None:
    endpoint = Endpoint("bucket", "us-east-1", service.url, path_style=True)
    store = S3Store(Location("s3", "bucket"), endpoint, _wire(kind, endpoint, None))
    store.get("key")
    assert "authorization" not in service.seen[0].headers
    store.close()


def test_a_burst_of_503_is_waited_out(fixture: Fixture) -> None:
    fixture.service.script(error(503, "SlowDown"), error(500, "InternalError"), Answer(200, b"ok"))
    assert fixture.store.get("key") == b"ok"
    assert len(fixture.service.seen) == 3
    assert len(fixture.slept) == 2


def test_an_object_that_looks_like_an_error_is_an_object(fixture: Fixture) -> None:
    fixture.service.script(Answer(200, error(503, "SlowDown").body))
    assert fixture.store.get("key") == error(503, "SlowDown").body
    assert len(fixture.service.seen) == 1


def test_a_service_that_stays_busy_is_given_up(fixture: Fixture) -> None:
    fixture.service.script(error(503, "SlowDown"))
    with pytest.raises(ThrottledError):
        fixture.store.get("key")
    assert len(fixture.service.seen) == ATTEMPTS


def test_a_lost_connection_is_tried_again(fixture: Fixture) -> None:
    fixture.service.script(HANG_UP, Answer(200, b"ok"))
    assert fixture.store.get("key") == b"ok"
    assert len(fixture.slept) == 1


def test_an_answer_that_ends_early_is_tried_again(fixture: Fixture) -> None:
    fixture.service.script(Answer(200, b"o", {"content-length": "2"}), Answer(200, b"ok"))
    assert fixture.store.get("key") == b"ok"


def test_a_service_that_never_answers_is_an_error_of_the_service(fixture: Fixture) -> None:
    fixture.service.script(HANG_UP)
    with pytest.raises(ServiceError):
        fixture.store.get("key")
    assert len(fixture.slept) == ATTEMPTS - 1


@pytest.mark.parametrize("status", [400, 401, 403, 405])
def test_what_will_not_get_better_is_asked_once(fixture: Fixture, status: int) -> None:
    fixture.service.script(error(status, "Whatever"))
    with pytest.raises(S3loError):
        fixture.store.get("key")
    assert len(fixture.service.seen) == 1


def test_only_404_is_absence(fixture: Fixture) -> None:
    fixture.service.script(Answer(403))
    with pytest.raises(AccessDeniedError):
        fixture.store.head("key")
    fixture.service.script(Answer(400))
    with pytest.raises(ServiceError):
        fixture.store.head("key")


def test_a_missing_bucket_is_told_from_a_missing_object(fixture: Fixture) -> None:
    fixture.service.script(Answer(404))
    with pytest.raises(NotFoundError, match="no such bucket"):
        fixture.store.head("key")
    assert [seen.path for seen in fixture.service.seen] == ["/bucket/key", "/bucket/"]


def test_a_bucket_is_looked_for_once(fixture: Fixture) -> None:
    fixture.service.reply = lambda seen: Answer(404 if seen.path != "/bucket/" else 200)
    assert [fixture.store.head(key) for key in "abc"] == [None, None, None]
    assert len(fixture.service.seen) == 4


@pytest.mark.parametrize(
    "moved",
    [
        error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1"),
        error(307, "TemporaryRedirect", x_amz_bucket_region="eu-west-1"),
        error(400, "AuthorizationHeaderMalformed", x_amz_bucket_region="eu-west-1"),
        Answer(400, b"<Error><Code>IllegalLocation</Code><Region>eu-west-1</Region></Error>"),
    ],
    ids=lambda answer: str(answer.status),
)
def test_a_bucket_in_another_region_is_followed_there(fixture: Fixture, moved: Answer) -> None:
    fixture.service.reply = lambda seen: (
        Answer(200, b"ok") if seen.signed_for == "eu-west-1" else moved
    )
    assert fixture.store.get("key") == b"ok"
    assert fixture.store.endpoint.region == "eu-west-1"
    assert fixture.store.get("key") == b"ok"
    assert len(fixture.service.seen) == 3, "the second request knew the way"
    assert fixture.slept == []


def test_a_head_refused_for_its_region_is_followed_too(fixture: Fixture) -> None:
    moved = Answer(400, headers={"x-amz-bucket-region": "eu-west-1"})
    fixture.service.reply = lambda seen: Answer() if seen.signed_for == "eu-west-1" else moved
    assert fixture.store.head("key") is not None


def test_a_redirect_that_leads_nowhere_ends(fixture: Fixture) -> None:
    fixture.service.script(error(301, "PermanentRedirect", x_amz_bucket_region="us-east-1"))
    with pytest.raises(ServiceError):
        fixture.store.get("key")
    assert len(fixture.service.seen) == 1


def test_a_put_lets_the_service_check_the_bytes(fixture: Fixture) -> None:
    fixture.store.put("key", b"body", storage_class="INTELLIGENT_TIERING")
    [seen] = fixture.service.seen
    checksum = base64.b64encode(hashlib.sha256(b"body").digest()).decode()
    assert seen.headers["x-amz-checksum-sha256"] == checksum
    assert seen.headers["x-amz-storage-class"] == "INTELLIGENT_TIERING"
    assert seen.headers["content-type"] == "application/json"
    assert seen.body == b"body"


def test_the_standard_class_is_not_spelled_out(fixture: Fixture) -> None:
    """Endpoints that know no classes take everything else."""
    fixture.store.put("key", b"body")
    assert "x-amz-storage-class" not in fixture.service.seen[0].headers


def test_a_storage_class_that_an_endpoint_refuses_is_left_out_from_then_on(
    fixture: Fixture,
) -> None:
    fixture.service.reply = lambda seen: (
        error(400, "InvalidStorageClass") if "x-amz-storage-class" in seen.headers else Answer()
    )
    for _ in range(2):
        fixture.store.put("key", b"body", storage_class="INTELLIGENT_TIERING")
    assert len(fixture.service.seen) == 3


def test_a_missing_bucket_refuses_a_put(fixture: Fixture) -> None:
    fixture.service.script(error(404, "NoSuchBucket"))
    with pytest.raises(NotFoundError, match="no such bucket"):
        fixture.store.put("key", b"body")


def test_a_conditional_conflict_is_decided_by_trying_again(fixture: Fixture) -> None:
    fixture.service.script(error(409, "ConditionalRequestConflict"), Answer())
    fixture.store.put("key", b"body", if_absent=True)
    assert [seen.headers["if-none-match"] for seen in fixture.service.seen] == ["*", "*"]


def test_a_condition_that_does_not_hold_is_refused(fixture: Fixture) -> None:
    fixture.service.script(error(412, "PreconditionFailed"))
    with pytest.raises(RefusedError):
        fixture.store.put("key", b"body", if_absent=True)
    assert len(fixture.service.seen) == 1


@pytest.mark.parametrize("stored", [b"body", b"other"])
def test_a_write_whose_answer_was_lost_is_recognised(fixture: Fixture, stored: bytes) -> None:
    """Else the second attempt meets the first one's object and calls the tag taken."""
    puts = iter([HANG_UP, error(412, "PreconditionFailed")])
    fixture.service.reply = lambda seen: next(puts) if seen.method == "PUT" else Answer(200, stored)
    if stored == b"body":
        fixture.store.put("key", b"body", if_absent=True)
    else:
        with pytest.raises(RefusedError):
            fixture.store.put("key", b"body", if_absent=True)


def _page(keys: list[str], token: str = "") -> Answer:
    entries = "".join(
        f"<Contents><Key>{key}</Key><Size>3</Size><ETag>&quot;e&quot;</ETag>"
        "<LastModified>2024-01-02T03:04:05.000Z</LastModified></Contents>"
        for key in keys
    )
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    cut = "true" if token else "false"
    body = (
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<EncodingType>url</EncodingType><IsTruncated>{cut}</IsTruncated>{more}{entries}"
        "</ListBucketResult>"
    )
    return Answer(200, body.encode())


def test_an_etag_that_was_read_is_the_condition_of_a_write(fixture: Fixture) -> None:
    fixture.service.script(Answer(206, b"body", {"etag": '"abc"'}), Answer())
    read = fixture.store.read("key")
    assert (read.body, read.etag) == (b"body", "abc")
    fixture.store.put("key", b"new", if_match=read.etag)
    assert fixture.service.seen[1].headers["if-match"] == '"abc"'
    for answer in (error(412, "PreconditionFailed"), error(404, "NoSuchKey")):
        fixture.service.script(answer)
        with pytest.raises(RefusedError):
            fixture.store.put("key", b"new", if_match=read.etag)
    fixture.service.script(error(404, "NoSuchBucket"))
    with pytest.raises(NotFoundError):
        fixture.store.put("key", b"new", if_match=read.etag)


def test_a_level_has_the_prefixes_of_all_pages(fixture: Fixture) -> None:
    page = (
        b"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>%s</IsTruncated>%s"
        b"<CommonPrefixes><Prefix>a/%s/</Prefix></CommonPrefixes></ListBucketResult>"
    )
    token = b"<NextContinuationToken>t</NextContinuationToken>"
    fixture.service.script(
        Answer(200, page % (b"true", token, b"b%2Bc")), Answer(200, page % (b"false", b"", b"d"))
    )
    assert fixture.store.level("a/").folders == ("a/b+c/", "a/d/")
    assert "delimiter=%2F" in fixture.service.seen[0].path


def test_a_listing_goes_on_where_a_page_ends(fixture: Fixture) -> None:
    fixture.service.script(_page(["a%20b", "c%2Bd"], "to/ken+="), _page(["e"]))
    found = list(fixture.store.list("pre fix"))
    assert [info.key for info in found] == ["a b", "c+d", "e"]
    assert (found[0].size, found[0].etag, found[0].storage_class) == (3, "e", "STANDARD")
    first, second = fixture.service.seen
    assert first.path == "/bucket/?encoding-type=url&list-type=2&prefix=pre%20fix"
    assert "continuation-token=to%2Fken%2B%3D" in second.path


@pytest.mark.parametrize("body", [b"", b"<html>", b"<html></html>", _page(["a"]).body[:-30]])
def test_a_listing_that_is_none_is_never_an_empty_one(fixture: Fixture, body: bytes) -> None:
    fixture.service.script(Answer(200, body))
    with pytest.raises(ServiceError):
        list(fixture.store.list(""))


def test_a_listing_cut_short_without_a_token_is_an_error(fixture: Fixture) -> None:
    page = _page(["a"]).body.replace(b"false", b"true")
    fixture.service.script(Answer(200, page))
    with pytest.raises(ServiceError):
        list(fixture.store.list(""))


def test_a_listing_of_nothing_is_a_missing_bucket(fixture: Fixture) -> None:
    """Also where a plain file server says so, which knows no codes."""
    fixture.service.script(Answer(404, b"<html>"))
    with pytest.raises(NotFoundError, match="no such bucket"):
        list(fixture.store.list(""))


def _deleted(*failures: tuple[str, str]) -> Answer:
    errors = "".join(
        f"<Error><Key>{key}</Key><Code>{code}</Code><Message>No.</Message></Error>"
        for key, code in failures
    )
    return Answer(200, f"<DeleteResult>{errors}</DeleteResult>".encode())


def test_deletion_goes_in_batches_that_carry_a_checksum(fixture: Fixture) -> None:
    fixture.service.script(_deleted())
    fixture.store.delete(f"key-{number}" for number in range(2500))
    assert [seen.body.count(b"<Key>") for seen in fixture.service.seen] == [1000, 1000, 500]
    for seen in fixture.service.seen:
        md5 = base64.b64encode(hashlib.md5(seen.body).digest()).decode()
        assert seen.headers["content-md5"] == md5
        assert (seen.method, seen.path) == ("POST", "/bucket/?delete=")


def test_keys_are_escaped_in_a_deletion(fixture: Fixture) -> None:
    fixture.service.script(_deleted())
    fixture.store.delete(["a&<b>"])
    assert b"<Key>a&amp;&lt;b&gt;</Key>" in fixture.service.seen[0].body


def test_a_key_that_cannot_be_deleted_is_named(fixture: Fixture) -> None:
    fixture.service.script(_deleted(("locked", "AccessDenied")))
    with pytest.raises(AccessDeniedError, match="s3://bucket/locked"):
        fixture.store.delete(["fine", "locked"])


def test_keys_that_fail_in_passing_are_deleted_again(fixture: Fixture) -> None:
    fixture.service.script(_deleted(("b", "SlowDown"), ("gone", "NoSuchKey")), _deleted())
    fixture.store.delete(["a", "b", "gone"])
    assert fixture.service.seen[1].body.count(b"<Key>") == 1
    assert b"<Key>b</Key>" in fixture.service.seen[1].body


def test_nothing_to_delete_is_no_request(fixture: Fixture) -> None:
    fixture.store.delete([])
    assert fixture.service.seen == []


@pytest.mark.parametrize("status", [200, 301, 400, 403])
def test_a_region_is_discovered_however_the_answer_ends(service: Service, status: int) -> None:
    headers = {"x-amz-bucket-region": "ap-south-1", "location": "http://127.0.0.1:1/"}
    service.script(Answer(status, headers=headers))
    assert region.discover("bucket", endpoint_url=service.url) == "ap-south-1"
    assert (service.seen[0].method, service.seen[0].path) == ("HEAD", "/bucket")
    assert len(service.seen) == 1, "a redirect is read, not followed"


def test_a_bucket_that_is_nowhere_has_no_region(service: Service) -> None:
    service.script(Answer(404))
    with pytest.raises(NotFoundError, match="no such bucket: bucket"):
        region.discover("bucket", endpoint_url=service.url)


def test_an_endpoint_without_regions_is_the_default_one(service: Service) -> None:
    assert region.discover("bucket", endpoint_url=f"{service.url}/") == "us-east-1"


def test_discovery_waits_out_a_busy_service(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3lo.bucket.region.time.sleep", lambda _: None)
    service.script(Answer(503), HANG_UP, Answer(200, headers={"x-amz-bucket-region": "eu-west-1"}))
    assert region.discover("bucket", endpoint_url=service.url) == "eu-west-1"


def test_discovery_gives_up(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3lo.bucket.region.time.sleep", lambda _: None)
    service.script(HANG_UP)
    with pytest.raises(ServiceError):
        region.discover("bucket", endpoint_url=service.url)
    assert len(service.seen) == ATTEMPTS


def test_discovery_goes_through_the_proxy(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", service.url)
    service.script(Answer(200, headers={"x-amz-bucket-region": "eu-west-1"}))
    assert region.discover("bucket", endpoint_url="http://s3.example.test") == "eu-west-1"
    assert service.seen[0].path == "http://s3.example.test/bucket"
