"""Ahead: work that a thread of its own does before anybody asks for what comes of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Full, Queue

from s3lo.freed_memory import keep_freed_memory

_MOST_PIECES = 4
_LOOK_SECONDS = 0.5


def ahead(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, the next few of them being made while one is used.

    Whoever stops half-way leaves the thread behind, which ends with the piece that it is at: it may
    wait for what only comes when its caller has gone on.
    """
    keep_freed_memory()
    queue: Queue[bytes | BaseException | None] = Queue(_MOST_PIECES)
    is_over = threading.Event()

    def put(item: bytes | BaseException | None) -> bool:
        while not is_over.is_set():
            try:
                queue.put(item, timeout=_LOOK_SECONDS)
            except Full:
                continue
            return True
        return False

    def make() -> None:
        try:
            for piece in pieces:
                if not put(piece):
                    return
        except BaseException as error:
            put(error)
        else:
            put(None)

    threading.Thread(target=make, name="s3lo-ahead", daemon=True).start()
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        is_over.set()
