"""Abreast: many calls at one time, their results in order."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from s3lo.errors import Interrupted

if TYPE_CHECKING:
    from concurrent.futures import Future

Item = TypeVar("Item")
Result = TypeVar("Result")

_LOOK_EVERY_SECONDS = 0.1
"""At whether it is to end, while a result is waited for."""


def abreast(
    call: Callable[[Item], Result],
    items: Iterable[Item],
    at_a_time: int,
    is_over: Callable[[], bool] | None = None,
) -> Iterator[Result]:
    """The result of each item, in the items' order, as soon as it and those before it are there.

    No more than twice ``at_a_time`` results wait to be taken, however many items there are. What a
    call raises is raised in its turn; the calls after it are not begun. Once ``is_over`` says so
    this raises Interrupted, and waits for no call that runs.
    """
    # Here, for it takes 7 ms to import, and small buckets do without.
    from concurrent.futures import ThreadPoolExecutor

    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(at_a_time, thread_name_prefix="s3lo-abreast")
    try:
        for item in items:
            waiting.append(pool.submit(call, item))
            while waiting and (waiting[0].done() or len(waiting) >= 2 * at_a_time):
                yield _result_of(waiting.popleft(), is_over)
        while waiting:
            yield _result_of(waiting.popleft(), is_over)
    finally:
        # Who interrupts does not wait for a service that says nothing.
        is_hurried = isinstance(sys.exc_info()[1], Interrupted)
        pool.shutdown(wait=not is_hurried, cancel_futures=True)


def _result_of(call: Future[Result], is_over: Callable[[], bool] | None) -> Result:
    if is_over is not None:
        from concurrent.futures import wait

        while not wait([call], _LOOK_EVERY_SECONDS).done:
            if is_over():
                raise Interrupted("cancelled")
    return call.result()
