"""Channel: messages between coordinator and worker process over a socket pair.

A message is a pickled object behind its length (4 bytes, big-endian). Both ends are the same
program on the same machine, so pickle crosses no trust boundary.

    to the worker     Configure once, then Submit, Cancel, Renew; Stop, or the end of the stream
    to the coordinator   Outcomes, Progress; Bye last
"""

from __future__ import annotations

import pickle
import socket
import struct
import threading
from typing import Any

from msgspec import Struct

from s3lo.engine.backend import BackendConfig
from s3lo.engine.carried import Carried
from s3lo.engine.jobs import Job, Outcome
from s3lo.model.objects import Credentials

_LENGTH = struct.Struct(">I")


class Configure(Struct, frozen=True):
    backend: BackendConfig


class Submit(Struct, frozen=True):
    jobs: tuple[Job, ...]


class Cancel(Struct, frozen=True):
    ids: tuple[int, ...]


class Renew(Struct, frozen=True):
    credentials: Credentials | None


class Stop(Struct, frozen=True):
    pass


class Outcomes(Struct, frozen=True):
    outcomes: tuple[Outcome, ...]


class Progress(Struct, frozen=True):
    """What was carried so far, of jobs that still run too, what CPU time it took, and over how many
    connections."""

    carried: Carried
    cpu_seconds: float
    connections: int


class Bye(Struct, frozen=True):
    peak_rss_bytes: int


class Channel:
    """One end. Any thread may send; one thread receives."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._sending = threading.Lock()

    def send(self, message: object) -> None:
        """Raises OSError where the other end is gone."""
        payload = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        with self._sending:
            self._socket.sendall(_LENGTH.pack(len(payload)) + payload)

    def receive(self) -> Any:
        """The next message; None when the other end is gone. TimeoutError as the socket is set."""
        header = self._read(_LENGTH.size)
        payload = header and self._read(_LENGTH.unpack(header)[0])
        return pickle.loads(payload) if payload else None

    def wait_at_most(self, seconds: float) -> None:
        """How long a receive waits for a message to begin."""
        self._socket.settimeout(seconds)

    def close(self) -> None:
        self._socket.close()

    def _read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                piece = self._socket.recv(count - len(data))
            except TimeoutError:
                if not data:
                    raise
                continue
            except OSError:
                return b""
            if not piece:
                return b""
            data += piece
        return bytes(data)
