"""The range writer: every byte is where it belongs, whatever is aligned and whatever is not."""

from __future__ import annotations

import fcntl
import mmap
import os
import random
from pathlib import Path

import pytest

from s3lo.engine.sockets.range_writer import RangeWriter

PAGE_BYTES = 4096
MEMORY = Path("/dev/shm")


def aligned(content: bytes) -> memoryview:
    memory = memoryview(mmap.mmap(-1, max(1, len(content))))
    memory[: len(content)] = content
    return memory[: len(content)]


def knows_direct(directory: Path) -> bool:
    try:
        os.close(os.open(directory / "probe", os.O_RDWR | os.O_CREAT | os.O_DIRECT))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("is_direct", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_pieces_of_any_length_at_any_place_make_the_file(
    tmp_path: Path, is_direct: bool, seed: int
) -> None:
    chance = random.Random(seed)
    content = chance.randbytes(40 * PAGE_BYTES + chance.randrange(PAGE_BYTES))
    path = tmp_path / "blob"
    position = 0
    while position < len(content):
        end = min(len(content), position + chance.randrange(1, 12) * PAGE_BYTES)
        with RangeWriter(str(path), truncates=False, is_direct=is_direct) as file:
            while position < end:
                # A broken connection leaves a piece cut off anywhere.
                count = chance.choice([PAGE_BYTES, 3 * PAGE_BYTES, chance.randrange(1, 9000)])
                piece = content[position : min(end, position + count)]
                file.write(aligned(piece), position)
                position += len(piece)
    assert path.read_bytes() == content


def test_a_file_that_was_there_is_emptied_or_not(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    for truncates, left in ((False, b"new456"), (True, b"new")):
        path.write_bytes(b"123456")
        with RangeWriter(str(path), truncates=truncates, is_direct=True) as file:
            file.write(aligned(b"new"), 0)
        assert path.read_bytes() == left


def test_whole_pages_go_past_the_cache_and_the_rest_through_it(tmp_path: Path) -> None:
    if not knows_direct(tmp_path):
        pytest.skip("no direct I/O on this file system")
    with RangeWriter(str(tmp_path / "blob"), truncates=True, is_direct=True) as file:
        file.write(aligned(bytes(4 * PAGE_BYTES)), 0)
        assert _is_direct(file)
        file.write(aligned(b"the end"), 4 * PAGE_BYTES)
        assert not _is_direct(file)
    assert (tmp_path / "blob").stat().st_size == 4 * PAGE_BYTES + 7


@pytest.mark.skipif(not MEMORY.is_dir(), reason="no /dev/shm")
def test_a_file_system_in_memory_is_written_as_usual() -> None:
    path = MEMORY / f"s3lo-test-{os.getpid()}"
    try:
        with RangeWriter(str(path), truncates=True, is_direct=True) as file:
            file.write(aligned(b"x" * 3 * PAGE_BYTES), 0)
        assert path.read_bytes() == b"x" * 3 * PAGE_BYTES
    finally:
        path.unlink(missing_ok=True)


def _is_direct(file: RangeWriter) -> bool:
    return bool(fcntl.fcntl(file._fd, fcntl.F_GETFL) & os.O_DIRECT)
