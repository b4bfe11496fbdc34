"""Scripted: an HTTP server that says, byte for byte, what a test wants it to say.

Each connection gets the next of the scripts; a script is a list of turns, one for each request that
comes over it: bytes to be sent, seconds to be silent, a stretch of the request's body to be read, or a
function of the request that returns these. What of a body is not read stays where it is.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Read:
    """So many bytes of the request's body; by default all of it."""

    most_bytes: int = 1 << 40


AROUND_BYTES = 128 << 10
"""More than heads, and what TLS adds, come to in any script."""

Step = bytes | float | Read
Turn = Sequence[Step] | Callable[[str], Sequence[Step]]
Script = Sequence[Turn]


class Scripted:
    """A connection is closed at the end of its script; without one it is closed at once."""

    def __init__(
        self, *scripts: Script, last_repeats: bool = False, context: ssl.SSLContext | None = None
    ) -> None:
        """``context``: to speak TLS."""
        self._context = context
        self._scripts = list(scripts)
        self._last_repeats = last_repeats
        self.requests: list[str] = []
        """The head of each that came, in order."""
        self.bodies: list[bytes] = []
        """What was read of each that was read from."""
        self.connections = 0

    @property
    def url(self) -> str:
        return (
            f"{'https' if self._context else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"
        )

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
                connection, _ = self._listener.accept()
                self.connections += 1
                script = self._next_script()
                threading.Thread(target=self._play, args=(connection, script), daemon=True).start()

    def _next_script(self) -> Script:
        if self._last_repeats and len(self._scripts) == 1:
            return self._scripts[0]
        return self._scripts.pop(0) if self._scripts else ()

    def _play(self, accepted: socket.socket, script: Script) -> None:
        with accepted, suppress(OSError):
            connection = accepted
            if self._context:
                connection = self._context.wrap_socket(accepted, server_side=True)
            with connection:
                incoming = _Incoming(connection)
                for turn in script:
                    request = incoming.head()
                    if not request:
                        return
                    self.requests.append(request)
                    for step in turn(request) if callable(turn) else turn:
                        self._take(step, incoming)

    def _take(self, step: Step, incoming: _Incoming) -> None:
        match step:
            case bytes():
                incoming.connection.sendall(step)
            case Read(most_bytes):
                self.bodies.append(incoming.body(most_bytes))
            case _:
                time.sleep(step)


class _Incoming:
    """What comes over a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._data = bytearray()
        self._body_bytes = 0
        """Of the last request, and not read."""

    def head(self) -> str:
        """The next request's; empty at the end."""
        while (end := self._data.find(b"\r\n\r\n")) < 0:
            if not self._more():
                return ""
        head = self._data[: end + 4].decode("latin-1")
        del self._data[: end + 4]
        length = re.search(r"content-length: (\d+)", head)
        self._body_bytes = int(length[1]) if length else 0
        return head

    def body(self, most_bytes: int) -> bytes:
        wanted = min(most_bytes, self._body_bytes)
        while len(self._data) < wanted and self._more():
            pass
        found = bytes(self._data[:wanted])
        del self._data[:wanted]
        self._body_bytes -= len(found)
        return found

    def _more(self) -> bool:
        piece = self.connection.recv(65536)
        self._data += piece
        return bool(piece)
