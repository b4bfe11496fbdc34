"""The native wire: small S3 requests through awscrt, one after another.

It shares its client with the engine's in-process backend, so that a pull of a few megabytes opens
its connections once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from io import BytesIO
from queue import Empty, SimpleQueue

from msgspec.structs import replace

from s3lo.engine.backend import NativeConfig
from s3lo.engine.crt import errors as native_errors
from s3lo.engine.crt.client import NativeClient, Reply
from s3lo.engine.settings import EngineSettings
from s3lo.errors import ServiceError
from s3lo.model.objects import Credentials, Endpoint, Request, Response

ANSWER_SECONDS = 120.0
"""How long a small request may take in all."""
MAX_CONNECTIONS = 1000
"""What one client may open at most, whatever the window."""


class NativeWire:
    """A Wire over awscrt, for any thread. ``endpoint`` changes when a redirect names another region."""

    def __init__(
        self,
        endpoint: Endpoint,
        credentials: Callable[[], Credentials | None],
        interfaces: tuple[str, ...] = (),
    ) -> None:
        self.endpoint = endpoint
        self._interfaces = interfaces
        self.credentials = credentials
        self._client: NativeClient | None = None
        self._config: NativeConfig | None = None
        self._lock = threading.Lock()

    def config(self, settings: EngineSettings) -> NativeConfig:
        """What one worker's client is made of, its share of the window being even."""
        share = -(-settings.initial_in_flight // max(1, settings.processes))
        return NativeConfig(
            self.endpoint,
            self.credentials(),
            connections=min(share, MAX_CONNECTIONS),
            threads=settings.client_threads,
            part_size_bytes=settings.part_size_bytes,
            interfaces=self._interfaces,
        )

    def client_for(self, settings: EngineSettings) -> NativeClient:
        """A client for this process's share: the one in use, unless it is too small for that."""
        wanted = self.config(settings)
        if self._config is None or not _covers(self._config, wanted):
            self.close()
            self._config = wanted
        return self._opened()

    def _opened(self) -> NativeClient:
        current = self.credentials()
        with self._lock:
            if self._client is None:
                self._config = self._config or NativeConfig(
                    self.endpoint, current, interfaces=self._interfaces
                )
                self._client = NativeClient(self._config)
            self._client.credentials = current
            return self._client

    def send(self, request: Request) -> Response:
        body = bytearray()
        done: SimpleQueue[Reply] = SimpleQueue()

        def on_body(chunk: bytes, offset: int) -> None:
            body[offset : offset + len(chunk)] = chunk

        stream = None if request.body is None else BytesIO(request.body)
        handle = self._opened().exchange(
            request, on_body, done.put, stream, len(request.body or b"")
        )
        try:
            reply = done.get(timeout=ANSWER_SECONDS)
        except Empty:
            handle.cancel()
            message = f"no answer for {request.operation} in {ANSWER_SECONDS:.0f} s"
            raise ServiceError(message) from None
        return self._response(request, reply, bytes(body))

    def _response(self, request: Request, reply: Reply, body: bytes) -> Response:
        if reply.error is None:
            return Response(reply.status, reply.headers, body)
        if reply.status >= 300:
            return Response(reply.status, reply.headers, reply.error_body)
        what = f"s3://{self.endpoint.bucket}/{request.key}"
        failed = native_errors.failure(0, reply, what)
        if failed.throttled:
            return Response(503)
        raise failed.error

    def set_region(self, region: str) -> None:
        self.endpoint = replace(self.endpoint, region=region)
        self._config = None
        self.close()

    def close(self) -> None:
        with self._lock:
            if self._client:
                self._client.close()
            self._client = None


def _covers(config: NativeConfig, wanted: NativeConfig) -> bool:
    return (
        config.connections >= wanted.connections
        and config.threads >= wanted.threads
        and config.part_size_bytes >= wanted.part_size_bytes
    )
