"""Watch: ends what waits for the network, when a caller has cancelled it or all is closed."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from weakref import WeakSet

from s3lo.errors import Interrupted

_LOOK_SECONDS = 0.1
"""An event may be set by another one that is set (``Linked``), so it is looked at, not waited for."""


class Watch:
    """For any thread. Its own begins with the first connection and ends with ``close``."""

    def __init__(self, cancel: threading.Event | None) -> None:
        self._cancel = cancel
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._thread: threading.Thread | None = None

    def check(self) -> None:
        """Raise Interrupted where it is over."""
        if self._is_over:
            raise Interrupted("cancelled")

    def sleep(self, seconds: float) -> None:
        """Wait so long; raises Interrupted as soon as it is over."""
        until = time.monotonic() + seconds
        self.check()
        while (left := until - time.monotonic()) > 0:
            self._closed.wait(min(left, _LOOK_SECONDS))
            self.check()

    def add(self, opened: socket.socket) -> None:
        """Shut this, too, when it is over; raises Interrupted where it is."""
        with self._lock:
            self._sockets.add(opened)
            if self._cancel is not None and self._thread is None:
                self._thread = threading.Thread(
                    target=self._look, name="s3lo-registry-watch", daemon=True
                )
                self._thread.start()
        self.check()

    def close(self) -> None:
        self._closed.set()
        self._shut_all()

    @property
    def _is_over(self) -> bool:
        return self._closed.is_set() or (self._cancel is not None and self._cancel.is_set())

    def _look(self) -> None:
        while not self._is_over:
            self._closed.wait(_LOOK_SECONDS)
        self._shut_all()

    def _shut_all(self) -> None:
        with self._lock:
            for each in self._sockets:
                # Not the TLS socket's own: that forgets its session, and whoever reads from it gets
                # the cipher's bytes as they came.
                with suppress(OSError):
                    socket.socket.shutdown(each, socket.SHUT_RDWR)
