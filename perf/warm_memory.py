"""Warm memory: enough for what runs write, which the host of a virtual machine leaves to it.

Such a machine may tell its host what memory is free, in blocks of 2 MiB (Linux's free page reporting).
The host takes it, and whoever uses a page of it again waits for another. Where it was told two seconds
after it had become free, a pull of 4 GiB that took a little longer than that had 1 to 3 s more of
system time than one that took a little less: whatever is compared, the slower one looked slower still.

Here memory is taken in such blocks, and all but a page of each is given back. It lies in pieces of
1 MiB and less then, of which no host is told, and which the kernel takes before it breaks a block. On a
machine of its own this changes nothing but the size of these pieces.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

_BLOCK_BYTES = 2 << 20
_PAGE_BYTES = mmap.PAGESIZE
_COLD = 20
"""madvise(2), MADV_COLD: of a part of a large page, which splits it; else none of it became free."""
_TIMES = 3
"""What a run writes, the image that is served, and pieces of each size among them."""
_MOST = 0.5
"""Of the memory that is available: none of the rest has to be asked for."""


@contextmanager
def warm_memory(written_bytes: int) -> Iterator[None]:
    """As long as it is entered there is memory for runs that write so much; less where the machine has
    not as much, none where its kernel cannot split a large page (before Linux 5.4)."""
    available_bytes = psutil.virtual_memory().available
    wanted_bytes = min(_TIMES * written_bytes, int(_MOST * available_bytes))
    blocks = wanted_bytes // _BLOCK_BYTES
    held = _hold(blocks) if blocks else None
    try:
        yield
    finally:
        if held:
            held.close()


def _hold(blocks: int) -> mmap.mmap | None:
    """A page of each of so many blocks of memory."""
    held = mmap.mmap(-1, (blocks + 1) * _BLOCK_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        held.madvise(mmap.MADV_HUGEPAGE)
        for block in _blocks_of(held):
            for page in range(block, block + _BLOCK_BYTES, _PAGE_BYTES):
                held[page] = 1
        for block in _blocks_of(held):
            held.madvise(_COLD, block, _PAGE_BYTES)
            held.madvise(mmap.MADV_DONTNEED, block + _PAGE_BYTES, _BLOCK_BYTES - _PAGE_BYTES)
    except OSError:
        held.close()
        return None
    return held


def _blocks_of(held: mmap.mmap) -> range:
    """Where in it whole blocks begin, as the kernel counts them."""
    address = ctypes.addressof(ctypes.c_char.from_buffer(held))
    start = -address % _BLOCK_BYTES
    return range(start, len(held) - _BLOCK_BYTES + 1, _BLOCK_BYTES)
