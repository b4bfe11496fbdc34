"""Client: one awscrt S3 client for one endpoint, and the requests it makes.

The client is never asked to split or to retry: a request is one HTTP exchange, and what happens
after a failure is decided by whoever owns the request. It is not fork-safe, so it lives and dies
in the process that made it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from awscrt.auth import AwsCredentials, AwsCredentialsProvider
from awscrt.http import HttpHeaders, HttpRequest
from awscrt.io import (
    ClientBootstrap,
    ClientTlsContext,
    DefaultHostResolver,
    EventLoopGroup,
    TlsConnectionOptions,
    TlsContextOptions,
)
from awscrt.s3 import (
    S3Client,
    S3RequestTlsMode,
    S3RequestType,
    S3RetryConfig,
    S3RetryMode,
    create_default_s3_signing_config,
)
from msgspec import Struct, field

from s3lo.engine.backend import NativeConfig
from s3lo.engine.plan import GIB
from s3lo.errors import LocalError
from s3lo.model.objects import Credentials, Endpoint, Request

CONNECTIONS_PER_GBPS = 2.5
"""How many connections awscrt opens for each Gbit/s of its target: measured, never fewer than 10."""
_CLIENT_MEMORY_BYTES = 1 * GIB
"""The least that awscrt takes for a limit. What is really held is bounded by parts in flight."""
_CLIENT_MEMORY_PARTS = 4
"""And in parts: it refuses a part size that is large for its limit."""
_CONNECT_TIMEOUT_MS = 3000


class Reply(Struct):
    """What came of a request. ``error`` is awscrt's, or what a callback of ours raised."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    error: BaseException | None = None
    error_body: bytes = b""


OnBody = Callable[[bytes, int], None]
OnHeaders = Callable[[int, Mapping[str, str]], None]
OnDone = Callable[[Reply], None]
RawHeaders = Sequence[tuple[str, str]]


class _Exchange:
    """Collects what awscrt calls back with, in its own words, into a Reply."""

    def __init__(self, on_headers: OnHeaders | None, on_body: OnBody, on_done: OnDone) -> None:
        self._reply = Reply()
        self._on_headers = on_headers
        self._on_body = on_body
        self._on_done = on_done

    def headers_came(self, status_code: int, headers: RawHeaders, **_: Any) -> None:
        self._reply.status = status_code
        self._reply.headers = _lower(headers)
        if self._on_headers:
            self._on_headers(status_code, self._reply.headers)

    def body_came(self, chunk: bytes, offset: int, **_: Any) -> None:
        self._on_body(chunk, offset)

    def ended(
        self,
        error: BaseException | None,
        status_code: int | None,
        error_headers: RawHeaders | None = None,
        error_body: bytes | None = None,
        **_: Any,
    ) -> None:
        reply = self._reply
        reply.error = error
        reply.status = status_code or reply.status
        if error_headers:
            reply.headers = _lower(error_headers)
        reply.error_body = error_body or b""
        self._on_done(reply)


def _lower(headers: RawHeaders) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


class NativeClient:
    """Makes requests to one bucket. ``credentials`` may be replaced at any time."""

    def __init__(self, config: NativeConfig) -> None:
        self.credentials: Credentials | None = config.credentials
        self._endpoint = config.endpoint
        self._client: Any = _make_client(config, self._provide)
        self._part_size_bytes = config.part_size_bytes

    def ranged_get(
        self, request: Request, on_headers: OnHeaders, on_body: OnBody, on_done: OnDone
    ) -> Any:
        """A GET of a range no longer than the part size: exactly one HTTP request."""
        return self._start(S3RequestType.GET_OBJECT, request, None, 0, on_headers, on_body, on_done)

    def exchange(
        self,
        request: Request,
        on_body: OnBody,
        on_done: OnDone,
        stream: Any = None,
        length: int = 0,
    ) -> Any:
        """Any other request. The body is the request's own, or ``length`` bytes of ``stream``."""
        return self._start(S3RequestType.DEFAULT, request, stream, length, None, on_body, on_done)

    def close(self) -> None:
        """Let go of the client; its threads end when its last request has."""
        self._client = None

    def _start(
        self,
        kind: Any,
        request: Request,
        stream: Any,
        length: int,
        on_headers: OnHeaders | None,
        on_body: OnBody,
        on_done: OnDone,
    ) -> Any:
        if self._client is None:
            raise LocalError("the S3 client is closed")
        exchange = _Exchange(on_headers, on_body, on_done)
        return self._client.make_request(
            type=kind,
            operation_name=request.operation,
            request=self._http(request, stream, length),
            part_size=self._part_size_bytes if kind == S3RequestType.GET_OBJECT else None,
            on_headers=exchange.headers_came,
            on_body=exchange.body_came,
            on_done=exchange.ended,
        )

    def _http(self, request: Request, stream: Any, length: int) -> Any:
        endpoint = self._endpoint
        headers = HttpHeaders([("host", endpoint.host), *endpoint.headers, *request.headers])
        if stream is not None:
            headers.set("content-length", str(length))
        return HttpRequest(request.method, endpoint.path(request), headers, stream)

    def _provide(self) -> Any:
        current = self.credentials
        assert current is not None, "an anonymous client signs nothing"
        return AwsCredentials(
            current.access_key_id, current.secret_access_key, current.session_token
        )


def _make_client(config: NativeConfig, provide: Callable[[], Any]) -> Any:
    endpoint = config.endpoint
    loops = EventLoopGroup(config.threads)
    bootstrap = ClientBootstrap(loops, DefaultHostResolver(loops))
    signing = None
    if config.credentials is not None:
        signing = create_default_s3_signing_config(
            region=endpoint.region,
            credential_provider=AwsCredentialsProvider.new_delegate(provide),
        )
    return S3Client(
        bootstrap=bootstrap,
        region=endpoint.region,
        tls_mode=S3RequestTlsMode.ENABLED if endpoint.is_tls else S3RequestTlsMode.DISABLED,
        tls_connection_options=_tls(endpoint),
        signing_config=signing,
        part_size=config.part_size_bytes,
        throughput_target_gbps=max(10.0, config.connections / CONNECTIONS_PER_GBPS),
        memory_limit=max(_CLIENT_MEMORY_BYTES, _CLIENT_MEMORY_PARTS * config.part_size_bytes),
        retry_config=S3RetryConfig(retry_mode=S3RetryMode.NONE),
        connect_timeout_ms=_CONNECT_TIMEOUT_MS,
        network_interface_names=list(config.interfaces) or None,
    )


def _tls(endpoint: Endpoint) -> Any:
    """TLS options with the user's CA bundle; None leaves awscrt's defaults (the system's roots)."""
    if not endpoint.is_tls or not endpoint.ca_bundle:
        return None
    options = TlsContextOptions()
    try:
        options.override_default_trust_store_from_path(ca_filepath=endpoint.ca_bundle)
    except OSError as error:
        raise LocalError(f"cannot read the CA bundle {endpoint.ca_bundle}: {error}") from error
    return TlsConnectionOptions(ClientTlsContext(options))
