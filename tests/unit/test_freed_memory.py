"""Freed memory: pieces of megabytes stay with the process that frees them."""

from __future__ import annotations

import subprocess
import sys

PIECE_BYTES = 4 << 20
_COUNT = f"""
import sys
from s3lo.freed_memory import keep_freed_memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

if sys.argv[1] == "kept":
    keep_freed_memory()
piece = bytearray(b"x") * {PIECE_BYTES}
before = resident()
del piece
print(before - resident())
"""


def given_back(how: str) -> int:
    """Bytes that leave the process with a piece that it frees."""
    counted = subprocess.run(
        [sys.executable, "-c", _COUNT, how], check=True, capture_output=True, text=True
    )
    return int(counted.stdout)


def test_a_freed_piece_is_kept_for_the_next_one() -> None:
    assert given_back("as ever") > 0.9 * PIECE_BYTES, "what is to be changed is not there"
    assert given_back("kept") < 0.1 * PIECE_BYTES
