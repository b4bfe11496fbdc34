"""Feed: uploads that come one by one, while what is to be sent next is still being made.

Asking for the next one may take as long as making it does, so a thread of its own asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from msgspec import Struct

from s3lo.engine.transfers import Upload


class Offered(Struct, frozen=True):
    """An upload that may begin."""

    blob: Upload


class Arrived(Struct, frozen=True):
    """More of an upload that was offered has come, as its arrival says."""

    blob: Upload


class NoMore(Struct, frozen=True):
    """No other comes: all came, or ``error`` was raised where the next one was asked for."""

    error: BaseException | None = None


Fed = Offered | Arrived | NoMore


class Feed:
    """Reads uploads in a thread and tells of each."""

    def __init__(self, blobs: Iterable[Upload], tell: Callable[[Fed], None]) -> None:
        self._blobs = blobs
        self._tell = tell
        self._is_stopped = threading.Event()

    def start(self) -> None:
        # A daemon: where its owner never wakes it, a blocked generator must not keep the process.
        threading.Thread(target=self._run, name="s3lo-feed", daemon=True).start()

    def stop(self) -> None:
        """Ask for no other; where one is being made, it is the last, and the generator is closed."""
        self._is_stopped.set()

    def _run(self) -> None:
        try:
            self._read(iter(self._blobs))
        except BaseException as error:
            self._tell(NoMore(error))
        else:
            self._tell(NoMore())

    def _read(self, blobs: Iterator[Upload]) -> None:
        while not self._is_stopped.is_set():
            blob = next(blobs, None)
            if blob is None:
                return
            self._tell(Offered(blob))
            if blob.arrival is not None:
                blob.arrival.listen(partial(self._tell, Arrived(blob)))
        close = getattr(blobs, "close", None)
        if close is not None:
            close()
