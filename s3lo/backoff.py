"""Backoff: how long to wait before trying something again."""

from __future__ import annotations

import random

ATTEMPTS = 8
"""How often one request or part is tried in all before its error is final."""

BASE_SECONDS = 0.2
CAP_SECONDS = 10.0
PACED_BASE_SECONDS = 0.05
PACED_CAP_SECONDS = 1.0


def delay_seconds(failures: int, *, throttled: bool = False) -> float:
    """A jittered exponential delay after the given number of failures (1 and up).

    "Full jitter": uniform between zero and the exponential bound, so that a fleet that failed at
    one moment does not come back at one moment. A throttled request starts a step higher.
    """
    return _jittered(BASE_SECONDS, CAP_SECONDS, failures if throttled else failures - 1)


def paced_seconds(failures: int) -> float:
    """The same for a throttled request where the pace of all of them is held back anyway: all that
    it has to do is not to come back at once."""
    return _jittered(PACED_BASE_SECONDS, PACED_CAP_SECONDS, failures - 1)


def _jittered(base_seconds: float, cap_seconds: float, doublings: int) -> float:
    bound = min(cap_seconds, base_seconds * 2.0 ** min(doublings, 30))
    return random.uniform(bound / 4, bound)
