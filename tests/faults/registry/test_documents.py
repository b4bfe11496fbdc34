"""Registries that answer with something else than was asked for, or ask to be left alone."""

from __future__ import annotations

import json
import threading
import time

import pytest

from s3lo.errors import (
    DigestMismatch,
    IntegrityError,
    InvalidDocument,
    NotFoundError,
    ServiceError,
    ThrottledError,
)
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor
from s3lo.model.registry_reference import parse_registry_reference
from s3lo.transports.registry.client import Registry, RegistryOptions
from tests.faults.command import eventually
from tests.faults.registry.served import NAME, Served, changed, saying, with_header
from tests.servers import Unruly
from tests.servers.unruly import (
    Answer,
    Exchange,
    Fault,
    wrong_byte_back,
)


def test_a_wrong_bit_in_a_manifest_is_found(
    unruly: Unruly, client: Registry, served: Served
) -> None:
    unruly.when("GET", "/manifests/", wrong_byte_back)
    with pytest.raises((DigestMismatch, InvalidDocument)):
        client.root()
    size = len(read_manifest(served))
    with pytest.raises((DigestMismatch, InvalidDocument)):
        client.document(
            Descriptor("application/vnd.oci.image.manifest.v1+json", Digest(served.manifest), size)
        )


def read_manifest(served: Served) -> bytes:
    host = served.registry.host
    with Registry(parse_registry_reference(f"{host}/{NAME}"), RegistryOptions()) as registry:
        return registry.root().raw


def test_a_digest_that_the_answer_belies_is_found(client: Registry, unruly: Unruly) -> None:
    other = Digest.of(b"other")
    unruly.when("GET", "/manifests/", changed(with_header("Docker-Content-Digest", other)))
    with pytest.raises(DigestMismatch, match=other):
        client.root()


@pytest.mark.parametrize("has_length", [True, False])
def test_a_manifest_of_10_mib_is_refused(
    client: Registry, unruly: Unruly, has_length: bool
) -> None:
    body = b'{"schemaVersion":2,"annotations":{"a":"' + b"x" * (10 << 20) + b'"}}'

    def huge(exchange: Exchange) -> None:
        length = ("Content-Length", str(len(body))) if has_length else ("Connection", "close")
        exchange._handler.close_connection = not has_length
        exchange.reply(Answer(200, (length,), body))

    unruly.when("GET", "/manifests/", huge)
    with pytest.raises(IntegrityError, match="more than 4194304 bytes") as raised:
        client.root()
    assert raised.value.exit_code == 5


def test_an_entry_of_dockers_first_schema_is_refused_by_name(
    client: Registry, unruly: Unruly
) -> None:
    kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    body = b'{"schemaVersion":1}'
    unruly.when("GET", "/manifests/", saying(200, body, Content_Type=kind))
    with pytest.raises(InvalidDocument, match="schema 1"):
        client.document(Descriptor(kind, Digest.of(body), len(body)))


def test_a_login_page_is_no_manifest(client: Registry, unruly: Unruly) -> None:
    unruly.when("GET", "/v2/", saying(200, b"<html>log in</html>", Content_Type="text/html"))
    with pytest.raises(InvalidDocument, match="text/html"):
        client.root()
    with pytest.raises(InvalidDocument):
        list(client.tags())


@pytest.mark.parametrize("body", [b'{"tags":"v1"}', b'{"tags":["../x"]}', b'{"tags":["a b"]}'])
def test_tags_that_are_none_are_not_passed_on(
    client: Registry, unruly: Unruly, body: bytes
) -> None:
    unruly.when("GET", "/tags/", saying(200, body))
    with pytest.raises(InvalidDocument):
        list(client.tags())


def test_pages_that_go_round_in_a_circle_end(client: Registry, unruly: Unruly) -> None:
    page = saying(200, b'{"tags":["a"]}', Link='</v2/faults/app/tags/list?n=7>; rel="next"')
    unruly.when("GET", "/tags/", page)
    with pytest.raises(ServiceError, match="circle"):
        list(client.tags())
    assert unruly.count("GET", "/tags/") == 2


def test_no_tags_may_be_null(client: Registry, unruly: Unruly) -> None:
    unruly.when("GET", "/tags/", saying(200, b'{"name":"x","tags":null}'))
    assert list(client.tags()) == []


def test_referrers_come_in_pages_where_the_registry_knows_them(
    client: Registry, unruly: Unruly, served: Served
) -> None:
    def index(number: int) -> bytes:
        entry = {"mediaType": "m", "digest": f"sha256:{number:064d}", "size": number}
        return json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()

    kind = "application/vnd.oci.image.index.v1+json"
    following = '<?page=2>; rel="next"'
    unruly.when("GET", "page=2", saying(200, index(2), Content_Type=kind))
    unruly.when("GET", "/referrers/", saying(200, index(1), Content_Type=kind, Link=following))
    assert [each.size for each in client.referrers(Digest(served.manifest))] == [1, 2]


def test_an_error_while_looking_for_referrers_is_not_taken_for_none(
    client: Registry, unruly: Unruly, served: Served
) -> None:
    unruly.when("GET", "/referrers/", saying(503))
    with pytest.raises(ServiceError):
        client.referrers(Digest(served.manifest))


@pytest.mark.parametrize("status", [429, 503])
def test_it_is_waited_as_long_as_the_registry_asks(
    client: Registry, unruly: Unruly, served: Served, notes: list[str], status: int
) -> None:
    unruly.when("GET", "/manifests/", saying(status, Retry_After="1"), times=1)
    assert client.root().digest == served.manifest
    assert any("in 1.0 s" in note for note in notes)


def test_while_one_request_waits_no_other_one_is_made(
    client: Registry, unruly: Unruly, served: Served, notes: list[str]
) -> None:
    times: list[float] = []

    def at(fault: Fault) -> Fault:
        def note(exchange: Exchange) -> None:
            times.append(time.monotonic())
            fault(exchange)

        return note

    client.root()
    unruly.when("GET", "/tags/", at(saying(429, Retry_After="1")), times=1)
    unruly.when("GET", "/manifests/", at(lambda exchange: exchange.reply(exchange.forward())))
    waiting = threading.Thread(target=lambda: list(client.tags()))
    waiting.start()
    assert eventually(lambda: notes, seconds=60.0)
    assert client.root().digest == served.manifest
    waiting.join()
    asked_to_wait, asked_for = times
    assert asked_for - asked_to_wait > 0.9


def test_a_limit_that_lasts_is_told_at_once_with_what_helps(
    client: Registry, unruly: Unruly
) -> None:
    """Docker Hub's is counted over six hours."""
    body = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull limit."}]}'
    unruly.when("GET", "/manifests/", saying(429, body, Retry_After="21600"))
    with pytest.raises(ThrottledError, match="pull limit") as raised:
        client.root()
    assert raised.value.exit_code == 7
    assert "docker login" in raised.value.hint
    assert unruly.count("GET", "/manifests/") == 1


def test_a_busy_registry_is_asked_again_and_then_given_up(
    client: Registry, unruly: Unruly, served: Served
) -> None:
    unruly.when("GET", "/manifests/", saying(429), times=3)
    assert client.root().digest == served.manifest
    unruly.when("GET", "/manifests/", saying(502))
    with pytest.raises(ServiceError, match="502"):
        client.root()


def test_what_is_not_found_is_not_asked_for_again(client: Registry, unruly: Unruly) -> None:
    assert client.manifest_tag("v9") is None
    blob = Descriptor("", Digest.of(b"nowhere"), 7)
    with pytest.raises(NotFoundError):
        client.document(blob)
    assert unruly.count("HEAD", "v9") == unruly.count("GET", blob.digest) == 1
