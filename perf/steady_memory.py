"""Steady memory: what is served stays in it, and what runs write finds some.

A kernel that gives memory back (DAMON's reclaim, where this was seen) takes pages of files that nobody
reads, those of the image among them. The origin then waits for the disk behind all that the client
writes, 20 to 50 ms a time, and what is measured is how many requests a client has waiting meanwhile:
beside 5 MB of 4 GiB that had gone so, 4 GiB hashed by nobody took 1.01 of rclone's time, and 0.94
without (5 rounds each).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from perf.stock import StockImage
from perf.warm_memory import warm_memory

_MAP_LOCKED = 0x2000
"""mmap(2): in memory until it is unmapped. Python 3.11 has no name for it."""
_LEAST_BYTES = 1 << 20
"""Of a file: thousands of small ones would each hold a descriptor, for next to nothing."""
_MOST = 0.25
"""Of the memory that is available; of an image that is more nothing is kept."""


@contextmanager
def steady_memory(image: StockImage, clients: int = 1) -> Iterator[None]:
    """As long as it is entered; for runs of so many clients at once that pull or push the image."""
    with kept_in_memory(image), warm_memory(image.total_bytes * clients):
        yield


@contextmanager
def kept_in_memory(image: StockImage) -> Iterator[None]:
    """Its blobs; none where nobody may lock so much, or the machine has too little."""
    with ExitStack() as stack:
        if image.total_bytes <= _MOST * psutil.virtual_memory().available:
            for blob in image.blobs:
                if blob.size >= _LEAST_BYTES:
                    with suppress(OSError):
                        stack.enter_context(_locked(image.path(blob)))
        yield


def _locked(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        flags = mmap.MAP_SHARED | _MAP_LOCKED
        return mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ)
