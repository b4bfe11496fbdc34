"""Connections: how they are dialled, so that whoever waits for one can be told that it is over.

Importing this module imports urllib3.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import time
from typing import Any, ClassVar

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError, NewConnectionError

from s3lo.transports.registry.watch import Watch

CONNECT_SECONDS = 10.0
_LOOK_SECONDS = 0.1

Pools = dict[str, type[Any]]
"""By scheme."""


def watched_pools(context: ssl.SSLContext, watch: Watch) -> Pools:
    """Classes of pools whose connections are watched; and so are handshakes with this context."""
    context.sslsocket_class = type("_WatchedTls", (_WatchedTls,), {"watch": watch})
    return {
        "http": _pools(HTTPConnectionPool, _PlainConnection, watch),
        "https": _pools(HTTPSConnectionPool, _TlsConnection, watch),
    }


class _PlainConnection(HTTPConnection):
    watch: ClassVar[Watch]

    def _new_conn(self) -> socket.socket:
        return _dial(self, self.watch)


class _TlsConnection(HTTPSConnection):
    watch: ClassVar[Watch]

    def _new_conn(self) -> socket.socket:
        return _dial(self, self.watch)

    def connect(self) -> None:
        super().connect()
        # Nobody is to be warned of what he asked for.
        self.is_verified = True


class _WatchedTls(ssl.SSLSocket):
    watch: ClassVar[Watch]

    def do_handshake(self, block: bool = False) -> None:
        try:
            # The plain socket was left without its descriptor.
            self.watch.add(self)
            super().do_handshake(block)
        except BaseException:
            # Of a signal's exception ssl leaves the socket open.
            self.close()
            raise


def _pools(kind: type[Any], connection: type[Any], watch: Watch) -> type[Any]:
    """A class of pools whose connections are watched."""
    own = type(connection.__name__, (connection,), {"watch": watch})
    return type(kind.__name__, (kind,), {"ConnectionCls": own})


def _dial(connection: HTTPConnection, watch: Watch) -> socket.socket:
    """A connected socket; raises urllib3's errors, and Interrupted."""
    host = connection._dns_host.strip("[]")
    try:
        found = socket.getaddrinfo(host, connection.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    last: OSError | None = None
    for family, kind, protocol, _, address in found:
        opened = socket.socket(family, kind, protocol)
        try:
            _connect(opened, address, watch)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            watch.add(opened)
            return opened
        except OSError as error:
            opened.close()
            last = error
        except BaseException:
            opened.close()
            raise
    raise NewConnectionError(connection, f"no connection: {last}") from last


def _connect(opened: socket.socket, address: Any, watch: Watch) -> None:
    """Connect in CONNECT_SECONDS, looking meanwhile whether it is still wanted."""
    opened.settimeout(0)
    until = time.monotonic() + CONNECT_SECONDS
    begun = opened.connect_ex(address)
    if begun not in (0, errno.EINPROGRESS):
        raise OSError(begun, os.strerror(begun))
    poller = select.poll()
    poller.register(opened, select.POLLOUT)
    while not poller.poll(_LOOK_SECONDS * 1000):
        watch.check()
        if time.monotonic() > until:
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
    if ended := opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(ended, os.strerror(ended))
    opened.settimeout(CONNECT_SECONDS)
