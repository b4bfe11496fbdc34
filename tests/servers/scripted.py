"""Scripted: an HTTP server that says, byte for byte, what a test wants it to say.

Each connection gets the next of the scripts; a script is a list of turns, one for each request that
comes over it: bytes to be sent, seconds to be silent, or a function of the request.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

Step = bytes | float
Turn = Sequence[Step] | Callable[[str], Sequence[Step]]
Script = Sequence[Turn]


class Scripted:
    """A connection is closed at the end of its script; without one it is closed at once."""

    def __init__(self, *scripts: Script, last_repeats: bool = False) -> None:
        self._scripts = list(scripts)
        self._last_repeats = last_repeats
        self.requests: list[str] = []
        """The head of each that came, in order."""
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

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

    def _play(self, connection: socket.socket, script: Script) -> None:
        with connection, suppress(OSError):
            for turn in script:
                request = _read_head(connection)
                if not request:
                    return
                self.requests.append(request)
                for step in turn(request) if callable(turn) else turn:
                    if isinstance(step, bytes):
                        connection.sendall(step)
                    else:
                        time.sleep(step)


def _read_head(connection: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return ""
        data += piece
    return data.decode("latin-1")
