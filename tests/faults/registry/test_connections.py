"""Connections to registries that break, fall silent, or are wanted no more; ranges that come otherwise."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from s3lo import backoff
from s3lo.errors import (
    IntegrityError,
    Interrupted,
    ServiceError,
    SizeMismatch,
)
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor
from s3lo.transports.registry import connections, http
from s3lo.transports.registry.client import Registry, RegistryOptions
from tests.conftest import missing
from tests.faults.command import eventually
from tests.faults.registry.served import (
    Served,
    changed,
    noting,
    opened,
    read,
    saying,
    with_header,
    without,
)
from tests.servers import Missing, Unruly
from tests.servers.certificate import make_certificate
from tests.servers.scripted import Script, Scripted
from tests.servers.unruly import (
    Answer,
    Exchange,
    Fault,
    end_early,
    never_answer,
    reset,
    reset_midway,
    stall,
)


def test_a_blob_that_breaks_off_goes_on_where_it_broke(
    client: Registry, unruly: Unruly, served: Served, notes: list[str]
) -> None:
    ranges: list[str] = []
    unruly.when("GET", "/blobs/", end_early, times=1)
    unruly.when("GET", "/blobs/", noting("range", ranges))
    assert read(client, served.layer) == served.layer.digest
    middle = served.layer.size // 2
    assert ranges == [f"bytes={middle}-{served.layer.size - 1}"]
    assert any(f"broke off at byte {middle}" in note for note in notes)


@pytest.mark.parametrize("fault", [reset, reset_midway, end_early])
@pytest.mark.parametrize("part", ["/blobs/", "/manifests/", "/tags/", "/v2/"])
def test_what_breaks_now_and_then_comes_whole(
    client: Registry, unruly: Unruly, served: Served, part: str, fault: Fault
) -> None:
    unruly.when("GET", part, fault, times=3)
    assert client.root().digest == served.manifest
    assert read(client, served.layer) == served.layer.digest
    assert list(client.tags()) == ["v1"]


def test_what_always_breaks_ends_after_retries(
    client: Registry, unruly: Unruly, served: Served
) -> None:
    unruly.when("GET", "/manifests/", reset)
    with pytest.raises(ServiceError, match="no answer from"):
        client.root()
    assert unruly.count("GET", "/manifests/") == backoff.ATTEMPTS
    unruly.when("GET", "/blobs/", reset_midway, after=1)
    unruly.when("GET", "/blobs/", end_early)
    with pytest.raises(ServiceError):
        list(client.open_range(served.layer, 0, 1000))


def test_a_registry_that_falls_silent_is_asked_again(
    client: Registry, unruly: Unruly, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "SILENCE_SECONDS", 0.3)
    unruly.when("GET", "/blobs/", stall, times=1)
    unruly.when("GET", "/manifests/", never_answer, times=1)
    assert client.root().digest == served.manifest
    assert read(client, served.layer) == served.layer.digest


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is waited out for longer than a test may take."""
    monkeypatch.setattr(http, "SILENCE_SECONDS", 1000.0)
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 1000.0)


@contextmanager
def soon(action: Callable[[], object], has_come: Callable[[], bool]) -> Iterator[None]:
    """Do something from another thread once the block has come so far; it must come there."""
    came: list[bool] = []

    def act() -> None:
        came.append(eventually(has_come, seconds=60.0))
        action()

    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert came == [True]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("fault", [stall, saying(429, Retry_After="100")])
def test_who_cancels_waits_for_nothing(unruly: Unruly, served: Served, fault: Fault) -> None:
    cancel = threading.Event()
    unruly.when("GET", "/blobs/", fault)
    with opened(unruly.url, cancel=cancel) as registry:
        with (
            soon(cancel.set, lambda: unruly.count("GET", "/blobs/") == 1),
            pytest.raises(Interrupted),
        ):
            read(registry, served.layer)
        with pytest.raises(Interrupted):
            registry.root()
    assert unruly.count("GET", "/blobs/") == 1


@pytest.mark.usefixtures("patient")
def test_closing_ends_what_is_under_way(unruly: Unruly, served: Served) -> None:
    unruly.when("GET", "/blobs/", stall)
    registry = opened(unruly.url)
    with (
        soon(registry.close, lambda: unruly.count("GET", "/blobs/") == 1),
        pytest.raises(Interrupted),
    ):
        read(registry, served.layer)


HUNG_UP: Script = ()
"""What a server that wants TLS makes of plain HTTP."""


@pytest.mark.usefixtures("patient")
def test_a_handshake_without_an_end_can_be_cancelled() -> None:
    cancel = threading.Event()
    with (
        Scripted(HUNG_UP, ((1000.0,),)) as server,
        opened(server.url, cancel=cancel) as registry,
        soon(cancel.set, lambda: server.connections == 2),
        pytest.raises(Interrupted),
    ):
        registry.root()


@pytest.mark.usefixtures("patient")
def test_a_body_over_tls_can_be_cancelled(tmp_path: Path) -> None:
    try:
        made = make_certificate(tmp_path, "127.0.0.1")
    except Missing as reason:
        missing(reason)
    empty = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"
    cancel = threading.Event()
    options = RegistryOptions(ca_bundle=str(made.authority))
    with (
        Scripted(HUNG_UP, ((empty,), (half, 1000.0)), context=made.serving()) as server,
        opened(server.url, options=options, cancel=cancel) as registry,
        soon(cancel.set, lambda: len(server.requests) == 2),
        pytest.raises(Interrupted),
    ):
        registry.root()


def test_a_registry_that_ignores_ranges_sends_all_or_has_the_rest_dropped(
    client: Registry, unruly: Unruly, served: Served
) -> None:
    unruly.when("GET", "/blobs/", without("range"))
    layer = served.layer
    start = client.open_range(layer, 0, 1000)
    assert start.end == layer.size
    whole = b"".join(start)
    assert Digest.of(whole) == layer.digest
    later = client.open_range(layer, 2_000_000, 2_000_100)
    assert later.end == 2_000_100
    assert b"".join(later) == whole[2_000_000:2_000_100]


def test_a_blob_goes_on_where_ranges_are_ignored(
    client: Registry, unruly: Unruly, served: Served
) -> None:
    unruly.when("GET", "/blobs/", end_early, times=2)
    unruly.when("GET", "/blobs/", without("range"))
    assert read(client, served.layer) == served.layer.digest


def test_another_length_than_the_manifest_says_is_no_blob_of_it(
    client: Registry, unruly: Unruly, served: Served
) -> None:
    def longer(answer: Answer) -> Answer:
        body = answer.body + b"more"
        return replace(with_header("Content-Length", str(len(body)))(answer), body=body)

    unruly.when("GET", "/blobs/", changed(longer))
    with pytest.raises(SizeMismatch, match=str(served.layer.size + 4)):
        read(client, served.layer)


def test_more_bytes_without_a_length_are_found_at_the_end(
    client: Registry, unruly: Unruly, served: Served
) -> None:
    def unending(exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.reply(Answer(200, (("Connection", "close"),), answer.body + b"x"))
        exchange._handler.close_connection = True

    unruly.when("GET", "/blobs/", unending)
    with pytest.raises(SizeMismatch, match="more bytes"):
        read(client, served.layer)


def test_fewer_bytes_without_a_length_are_asked_for_and_found_missing(
    client: Registry, unruly: Unruly, served: Served
) -> None:
    def unending(exchange: Exchange) -> None:
        exchange.reply(Answer(200, (("Connection", "close"),), exchange.forward().body))
        exchange._handler.close_connection = True

    unruly.when("GET", "/blobs/", unending, times=1)
    unruly.when("GET", "/blobs/", saying(416))
    larger = Descriptor("", served.layer.digest, served.layer.size + 1)
    with pytest.raises(SizeMismatch, match="ends before"):
        read(client, larger)


@pytest.mark.parametrize(
    "value", ["bytes 7-99/3010560", "bytes 5-99/77", "bytes=5-99", "items 5-99/*", ""]
)
def test_a_range_that_nobody_asked_for_is_not_taken(
    client: Registry, unruly: Unruly, served: Served, value: str
) -> None:
    unruly.when("GET", "/blobs/", changed(with_header("Content-Range", value)))
    with pytest.raises(IntegrityError):
        client.open_range(served.layer, 5, 100)
