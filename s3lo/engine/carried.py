"""Carried: how much the network has carried up to a moment, which is that of counting."""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct

_SECONDS = 0.005
"""To count a thousand connections takes no longer, unless somebody else gets its turn meanwhile."""
_TRIES = 3


class Carried(Struct, frozen=True):
    moment: float
    """Of CLOCK_MONOTONIC, which all processes of a machine share."""
    bytes_: int = 0


def counted(count: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> Carried:
    """Who counts may have to wait for the interpreter, or a CPU, half-way: then it is counted anew.

    A moment that was 40 ms off had a link of 2 Gbit/s bring 3.4.
    """
    for _ in range(_TRIES):
        begun, bytes_, ended = clock(), count(), clock()
        if ended - begun <= _SECONDS:
            break
    return Carried((begun + ended) / 2, bytes_)
