"""Undisturbed: a call in a thread of its own, where no signal can raise in the middle of a step.

Python runs signal handlers in the main thread, between any two instructions. One that raised while
a request was being started left it in flight with nobody to cancel it, and the end waited for it.
Here it raises in a thread that only waits; the call is asked to stop and finishes what it does.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")

_LOOK_SECONDS = 0.25
"""How often the main thread runs handlers of signals that the kernel gave to another thread."""


def undisturbed(call: Callable[[], T], stop: Callable[[], None]) -> T:
    """What ``call`` returns or raises. If waiting for it is interrupted, ``stop`` is called and
    the interruption goes on once the call has ended; a second one goes on at once."""
    results: list[T] = []
    failures: list[BaseException] = []
    # Not Thread.join: up to Python 3.12 it takes a thread for ended when a handler raises in it.
    ended = Event()

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            failures.append(error)
        finally:
            ended.set()

    thread = Thread(target=run, name="s3lo-engine", daemon=True)
    try:
        thread.start()
        while not ended.wait(_LOOK_SECONDS):
            pass
    except BaseException:
        stop()
        if thread.ident is not None:
            ended.wait()
        raise
    if failures:
        raise failures[0]
    return results[0]
