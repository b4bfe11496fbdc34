"""Secured: the two ends of a TLS connection on this machine."""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

from tests.servers.certificate import Certificate


def connected() -> tuple[socket.socket, socket.socket]:
    """Our end, and theirs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        theirs, _ = listening.accept()
    return ours, theirs


def secured(
    ours: socket.socket, theirs: socket.socket, certificate: Certificate
) -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    trusting = ssl.create_default_context(cafile=str(certificate.authority))
    with ThreadPoolExecutor(1) as pool:
        answered = pool.submit(certificate.serving().wrap_socket, theirs, server_side=True)
        return trusting.wrap_socket(ours, server_hostname="localhost"), answered.result()
