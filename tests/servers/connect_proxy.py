"""Connect proxy: an HTTP proxy that leads to servers on loopback by names that nobody else knows."""

from __future__ import annotations

import base64
import select
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from typing_extensions import Self


class ConnectProxy:
    """Knows CONNECT (RFC 9110, section 9.3.6) and, for plain HTTP, requests in absolute form, which it
    passes on as they are; ``ports`` are by ``host:port``.

    Given a login (``user:password``), it lets nobody else through.
    """

    def __init__(self, ports: Mapping[str, int], login: str = "") -> None:
        self._ports = ports
        self._login = login
        self.targets: list[str] = []
        """Where connections were led to."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            method, target, _ = head.decode("latin-1").split(" ", 2)
            shown = f"proxy-authorization: basic {base64.b64encode(self._login.encode()).decode()}"
            if self._login and shown.lower() not in head.decode("latin-1").lower():
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
            is_tunnel = method == "CONNECT"
            if not is_tunnel:
                target = f"{urlsplit(target).hostname}:{urlsplit(target).port or 80}"
            if target not in self._ports:
                client.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
                return
            self.targets.append(target)
            with socket.create_connection(("127.0.0.1", self._ports[target])) as server:
                if is_tunnel:
                    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                else:
                    server.sendall(head)
                _relay(client, server)


def _relay(one: socket.socket, other: socket.socket) -> None:
    """What either says the other one hears, until one of them ends."""
    while True:
        for readable in select.select([one, other], [], [])[0]:
            piece = readable.recv(65536)
            if not piece:
                return
            (other if readable is one else one).sendall(piece)
