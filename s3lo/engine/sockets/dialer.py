"""Dialer: opens connections to an endpoint, spread over its addresses.

S3 answers a name with a few of many addresses, and each of them has its own limits: names are
looked up again every few seconds, and each connection takes the next address, and the next of the
network interfaces where several are to be used.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from s3lo.engine.sockets.http import HttpConnection, NoConnection
from s3lo.engine.sockets.stream import PlainStream, TlsStream
from s3lo.errors import LocalError
from s3lo.model.objects import Endpoint

if TYPE_CHECKING:
    import ssl

CONNECT_SECONDS = 3.0
_LOOK_UP_AGAIN_SECONDS = 5.0
_Address = tuple[int, tuple[object, ...]]


class Dialer:
    """For any thread."""

    def __init__(self, endpoint: Endpoint, interfaces: tuple[str, ...] = ()) -> None:
        parts = urlsplit(f"//{endpoint.host}")
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if endpoint.is_tls else 80)
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._addresses: deque[_Address] = deque()
        self._interfaces = deque(interfaces)
        self._spare: deque[HttpConnection] = deque()
        self._looked_up_at = float("-inf")
        self._context: ssl.SSLContext | None = None

    def keep(self, connection: HttpConnection) -> None:
        """An open connection that somebody needs no more."""
        self._spare.append(connection)

    def close(self) -> None:
        """Close what was kept and never used again."""
        with suppress(IndexError):
            while True:
                self._spare.pop().close()

    def dial(self) -> HttpConnection:
        """A connection, TLS included; raises NoConnection, UntrustedEndpoint or LocalError."""
        with suppress(IndexError):
            while True:
                spare = self._spare.pop()
                if spare.is_quiet():
                    return spare
                spare.close()  # it was closed by the other side meanwhile
        (family, address), interface = self._next()
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            if interface:
                _bind(opened, interface)
            opened.settimeout(CONNECT_SECONDS)
            opened.connect(address)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._endpoint.is_tls:
                return self._over_tls(opened)
            return HttpConnection(PlainStream(opened))
        except OSError as error:
            opened.close()
            raise NoConnection(f"no connection to {self._host}:{self._port} ({error})") from error
        except BaseException:
            opened.close()
            raise

    def _over_tls(self, opened: socket.socket) -> HttpConnection:
        import ssl

        from s3lo.model.s3_errors import UntrustedEndpoint
        from s3lo.trust import trusting

        if self._context is None:
            self._context = trusting(self._endpoint.ca_bundle)
        try:
            secured = self._context.wrap_socket(opened, server_hostname=self._host)
        except ssl.SSLCertVerificationError as error:
            raise UntrustedEndpoint(
                f"no trusted TLS connection to {self._host} ({error.verify_message})"
            ) from error
        return HttpConnection(TlsStream(secured))

    def _next(self) -> tuple[_Address, str]:
        """The address and the interface whose turn it is."""
        with self._lock:
            if time.monotonic() - self._looked_up_at > _LOOK_UP_AGAIN_SECONDS:
                self._look_up()
            self._addresses.rotate(-1)
            self._interfaces.rotate(-1)
            return self._addresses[-1], self._interfaces[-1] if self._interfaces else ""

    def _look_up(self) -> None:
        try:
            # As bytes: a text is encoded with a codec that takes 4 ms to import.
            host = self._host.encode("ascii") if self._host.isascii() else self._host
            found = socket.getaddrinfo(host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            if self._addresses:
                return  # a name server that is away for a moment ends no transfer
            raise NoConnection(f"cannot look up {self._host} ({error})") from error
        # In their order: where IPv6 leads nowhere, the resolver puts it last.
        family = found[0][0]
        self._addresses = deque((each[0], each[4]) for each in found if each[0] == family)
        self._looked_up_at = time.monotonic()


def _bind(opened: socket.socket, interface: str) -> None:
    """Send and receive over this interface only (socket(7), SO_BINDTODEVICE)."""
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
    except OSError as error:
        raise LocalError(
            f"connections cannot be bound to {interface}: {error.strerror}",
            hint="Linux before 5.7 asks for CAP_NET_RAW.",
        ) from error
