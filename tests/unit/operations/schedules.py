"""Schedules: several actors on one store, their requests in an order that is chosen one by one.

Each actor runs in a thread of its own and stops before every request that another one might notice;
of those that wait one is let through, to its next request. So a run depends on the choices alone, and
all runs that there are can be tried, one after another.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from s3lo.bucket.keys import CLEANING_KEY
from tests.unit.operations.memory_store import MemoryStore

Choose = Callable[[int], int]
"""One of so many."""
Act = Callable[["Seat"], None]


IsSeen = Callable[[int, str, str], bool]


class Killed(BaseException):
    """What an actor meets that is killed: none of its requests is made any more."""


@dataclass
class Seat:
    """Where an actor sits: its own view of the store, and how it waits."""

    store: Any
    sleep: Callable[[float], None]


@dataclass
class _Actor:
    act: Act
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    is_done: bool = False
    waits_for: object = None
    """The mark as it was when the actor began to wait; ready when it is another one."""
    error: BaseException | None = None
    requests_left: int = 1 << 30


class Stage:
    """Runs actors on a store. ``is_seen`` says which requests others may notice, by the actor's number,
    method and key: the others need no order."""

    def __init__(self, store: MemoryStore, is_seen: IsSeen) -> None:
        self.store = store
        self._is_seen = is_seen
        self._parked = threading.Semaphore(0)

    def run(self, acts: Sequence[Act], choose: Choose, kill_after: int = 1 << 30) -> bool:
        """Until all are done. The first actor is killed after so many requests that are seen, if it
        makes more; gives whether it was."""
        actors = [_Actor(act) for act in acts]
        actors[0].requests_left = kill_after
        threads = [
            threading.Thread(target=self._play, args=each, daemon=True)
            for each in enumerate(actors)
        ]
        for thread in threads:
            thread.start()
            self._parked.acquire()
        while living := [each for each in actors if not each.is_done]:
            ready = [each for each in living if self._is_ready(each)]
            if not ready:
                self.store.advance(31)
                ready = living
            chosen = ready[choose(len(ready))] if len(ready) > 1 else ready[0]
            chosen.waits_for = None
            chosen.go.release()
            self._parked.acquire()
        for thread in threads:
            thread.join()
        for each in actors:
            if each.error and not isinstance(each.error, Killed):
                raise each.error
        return isinstance(actors[0].error, Killed)

    def _is_ready(self, actor: _Actor) -> bool:
        return actor.waits_for is None or actor.waits_for != self._mark()

    def _mark(self) -> str:
        found = self.store.head(CLEANING_KEY)
        return found.etag if found else "none"

    def _play(self, number: int, actor: _Actor) -> None:
        def pause() -> None:
            self._parked.release()
            actor.go.acquire()
            actor.requests_left -= 1

        def request(method: str, key: str) -> None:
            if self._is_seen(number, method, key) and actor.requests_left > 0:
                pause()
            if actor.requests_left <= 0:
                raise Killed

        def sleep(_: float) -> None:
            actor.waits_for = self._mark()
            pause()

        try:
            pause()
            actor.act(Seat(_View(self, request), sleep))
        except BaseException as error:
            actor.error = error
        actor.is_done = True
        self._parked.release()


class _View:
    """The store as one actor has it."""

    def __init__(self, stage: Stage, request: Callable[[str, str], None]) -> None:
        self._stage = stage
        self._request = request

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._stage.store, name)
        if not callable(method):
            return method

        def call(*arguments: Any, **options: Any) -> Any:
            key = arguments[0] if arguments and isinstance(arguments[0], str) else ""
            self._request(name, key)
            return method(*arguments, **options)

        return call


def first(options: int) -> int:
    """The choice of those who have none."""
    del options
    return 0


def every(run: Callable[[Choose], None]) -> Iterator[None]:
    """Run once for each schedule that there is."""
    given: list[int] = []
    while True:
        taken: list[tuple[int, int]] = []

        def choose(options: int, given: list[int] = given, taken: Any = taken) -> int:
            choice = given[len(taken)] if len(taken) < len(given) else 0
            taken.append((choice, options))
            return choice

        run(choose)
        yield
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return
        given = [choice for choice, _ in taken]
        given[-1] += 1


def some(run: Callable[[Choose], None], count: int, seed: int) -> Iterator[random.Random]:
    """Run with so many schedules by chance; gives the source of chance before each run."""
    for number in range(count):
        source = random.Random(f"{seed}-{number}")
        yield source
        run(source.randrange)
