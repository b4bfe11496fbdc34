"""Beside: a call in a thread of its own while the caller does what depends on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

from s3lo.errors import Interrupted

T = TypeVar("T")


class Linked(Event):
    """An event that is also set when another one is."""

    def __init__(self, other: Event | None) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        return super().is_set() or (self._other is not None and self._other.is_set())


@contextmanager
def beside(
    call: Callable[[], T], stop: Event, ended: Callable[[], None]
) -> Iterator[Callable[[], T]]:
    """Run ``call`` while the block runs; gives what waits for its result.

    ``ended`` is called when it has come to an end, well or not. If the block fails, ``stop`` is set
    and the call waited for; where the block failed only because the call had (it raises Interrupted
    then), the call's own error is raised.
    """
    # Here, for it takes 7 ms to import, and most pulls do without.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1, thread_name_prefix="s3lo-beside") as pool:
        running = pool.submit(call)
        running.add_done_callback(lambda _: ended())
        try:
            yield running.result
        except BaseException as error:
            stop.set()
            reason = running.exception()
            if reason is not None and isinstance(error, Interrupted):
                raise reason from None
            raise
