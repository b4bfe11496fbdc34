"""Side by side: the frames of one seekable zstd file, decompressed on several cores, in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from s3lo.cpus import usable_cpus
from s3lo.errors import IntegrityError, from_os
from s3lo.transports._zstd import zstd
from s3lo.transports.zstd_frames import Frame, seekable_frames

_MOST_FRAME_BYTES = 64 << 20
"""Of what is held for one core. A file with larger frames is read like any other."""
_LOOK_AHEAD = 2


@contextmanager
def plain_frames(path: Path, threads: int = 0) -> Iterator[Iterator[bytes] | None]:
    """What a file holds, frame by frame; None where it is not seekable, or in too large pieces.

    Iterating raises IntegrityError where the content is not what the table says, LocalError where
    it cannot be read. ``threads``: as many as there are cores by default.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise from_os(error, "opening") from error
    try:
        frames = seekable_frames(fd, os.fstat(fd).st_size)
        if frames is None or any(max(f.size, f.content_size) > _MOST_FRAME_BYTES for f in frames):
            yield None
            return
        count = threads or usable_cpus()
        with ThreadPoolExecutor(count, thread_name_prefix="s3lo-unpack") as pool:
            yield _in_order(pool, fd, frames, count + _LOOK_AHEAD)
    finally:
        os.close(fd)


def _in_order(
    pool: ThreadPoolExecutor, fd: int, frames: list[Frame], at_a_time: int
) -> Iterator[bytes]:
    waiting: deque[Future[bytes]] = deque()
    try:
        for frame in frames:
            waiting.append(pool.submit(_plain, fd, frame))
            if len(waiting) >= at_a_time:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for each in waiting:
            each.cancel()


def _plain(fd: int, frame: Frame) -> bytes:
    try:
        packed = os.pread(fd, frame.size, frame.offset)
    except OSError as error:
        raise from_os(error, "reading a layer") from error
    decoder = zstd.ZstdDecompressor()
    try:
        # One byte more than there should be, so that more of them are noticed and not made.
        plain: bytes = decoder.decompress(packed, frame.content_size + 1)
    except zstd.ZstdError as error:
        raise IntegrityError(f"zstd content is damaged: {error}") from error
    if not decoder.eof or decoder.unused_data or len(plain) != frame.content_size:
        raise IntegrityError("zstd content is not what its seek table says")
    return plain
