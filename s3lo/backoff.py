"""Backoff: how long to wait before trying something again."""

from __future__ import annotations

import random

ATTEMPTS = 8
"""How often one request or part is tried in all before its error is final."""

BASE_SECONDS = 0.05
GROWTH = 4.0
"""One failure may be chance, two hardly are: short at first and soon long, so that all attempts last half a
minute. 1 GiB of which each fifth request was refused took 1.05 of the time where it began with 0.2 s, or
0.4 if throttled, and doubled: a pull's first requests come one by one."""
CAP_SECONDS = 8.0
REFUSED_SECONDS = 120.0
"""How long a service may refuse one request."""
PACED_GROWTH = 2.0
PACED_CAP_SECONDS = 1.0


def delay_seconds(failures: int) -> float:
    """A jittered exponential delay after the given number of failures (1 and up).

    "Full jitter", down to a quarter of the bound, so that a fleet that failed at one moment does not
    come back at one moment.
    """
    return _jittered(GROWTH, failures, CAP_SECONDS)


def paced_seconds(failures: int) -> float:
    """The same for a throttled request where the pace of all of them is held back anyway: all that
    it has to do is not to come back at once."""
    return _jittered(PACED_GROWTH, failures, PACED_CAP_SECONDS)


class Patience:
    """With one request that nothing else holds back: how long to wait before it is tried again, or None
    where it has been tried enough.

    A service that refuses (503, 429) is there, and only asked too often by all who ask: it gets a shorter
    wait, and more of them. As with failures of another kind a node of a fleet waited a second and a half
    for the manifest of an image that the others had by then, and after eight refusals gave up.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._refusals = 0
        self._refused_seconds = 0.0

    def after_failure(self) -> float | None:
        self._failures += 1
        return delay_seconds(self._failures) if self._failures < ATTEMPTS else None

    def after_refusal(self) -> float | None:
        self._refusals += 1
        seconds = _jittered(PACED_GROWTH, self._refusals, CAP_SECONDS)
        self._refused_seconds += seconds
        return seconds if self._refused_seconds <= REFUSED_SECONDS else None


def _jittered(growth: float, failures: int, cap_seconds: float) -> float:
    bound = min(cap_seconds, BASE_SECONDS * growth ** min(failures - 1, 30))
    return random.uniform(bound / 4, bound)
