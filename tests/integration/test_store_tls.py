"""Trust: an endpoint over TLS is believed with its CA bundle and not without."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from s3lo.bucket import region
from s3lo.bucket.boto_wire import BotoWire
from s3lo.bucket.s3 import S3Store
from s3lo.errors import ServiceError
from s3lo.model.objects import Endpoint, Wire
from s3lo.model.reference import Location
from s3lo.model.s3_errors import UntrustedEndpoint
from tests.conftest import missing
from tests.servers import Missing
from tests.servers.certificate import make_certificate


@dataclass(frozen=True)
class Secured:
    url: str
    ca_bundle: str


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        self.send_response(200)
        self.send_header("x-amz-bucket-region", "eu-west-1")
        self.send_header("content-length", "2")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"ok")

    do_GET = do_HEAD = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody looks."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not trust us hangs up: that is the test."""


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    try:
        made = make_certificate(tmp_path_factory.mktemp("tls"), "127.0.0.1")
    except Missing as reason:
        missing(reason)
    server = _Server(("127.0.0.1", 0), _Handler)
    # The handshake is left to each connection's own thread.
    server.socket = made.serving().wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield Secured(f"https://127.0.0.1:{server.server_address[1]}", str(made.authority))
    server.shutdown()
    server.server_close()
    thread.join()


def _store(kind: str, secured: Secured, ca_bundle: str, slept: list[float]) -> S3Store:
    endpoint = Endpoint("bucket", "us-east-1", secured.url, True, ca_bundle)
    wire: Wire
    if kind == "native":
        from s3lo.engine.crt.wire import NativeWire

        wire = NativeWire(endpoint, lambda: None)
    elif kind == "sockets":
        from s3lo.engine.sockets.wire import SocketWire

        wire = SocketWire(endpoint, lambda: None)
    else:
        wire = BotoWire(endpoint, lambda: None)
    return S3Store(Location("s3", "bucket"), endpoint, wire, sleep=slept.append)


@pytest.mark.parametrize("kind", ["boto", "native", "sockets"])
def test_a_ca_bundle_makes_an_endpoint_trusted(secured: Secured, kind: str) -> None:
    store = _store(kind, secured, secured.ca_bundle, [])
    assert store.get("key") == b"ok"
    store.close()


@pytest.mark.parametrize("kind", ["boto", "native", "sockets"])
def test_without_it_the_error_names_the_option(secured: Secured, kind: str) -> None:
    store = _store(kind, secured, "", [])
    with pytest.raises(ServiceError) as raised:
        store.get("key")
    assert "--ca-bundle" in raised.value.hint
    store.close()


def test_mistrust_is_not_waited_out(secured: Secured) -> None:
    slept: list[float] = []
    with pytest.raises(UntrustedEndpoint):
        _store("boto", secured, "", slept).get("key")
    assert slept == []


def test_discovery_trusts_the_same(secured: Secured) -> None:
    found = region.discover("bucket", endpoint_url=secured.url, ca_bundle=secured.ca_bundle)
    assert found == "eu-west-1"
    with pytest.raises(UntrustedEndpoint):
        region.discover("bucket", endpoint_url=secured.url)
