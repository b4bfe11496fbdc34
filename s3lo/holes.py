"""Holes: ranges of a file that are given back to its file system while the file stays.

Source: fallocate(2), FALLOC_FL_PUNCH_HOLE.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

_KEEP_SIZE = 0x01
_PUNCH_HOLE = 0x02
_BEYOND_BYTES = 1 << 20


def punch_hole(path: Path, offset: int, length: int) -> None:
    """Free the whole blocks of a range, which reads as zeros from then on.

    Where the file system cannot, or the file is gone, nothing happens: this is about space, and
    no more.
    """
    with suppress(OSError):
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            # The last block is freed only where the range goes beyond it.
            is_end = offset + length >= os.fstat(fd).st_size
            _fallocate()(fd, _PUNCH_HOLE | _KEEP_SIZE, offset, length + is_end * _BEYOND_BYTES)
        finally:
            os.close(fd)


@cache
def _fallocate() -> Any:
    import ctypes

    call = ctypes.CDLL(None, use_errno=True).fallocate
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return call
