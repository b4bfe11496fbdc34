"""Compression: a stream into a file, hashed on both sides, on every core, the same every time.

Content is cut into pieces of 4 MiB, and each becomes one zstd frame or one gzip member. So the
pieces can be compressed side by side, and what comes out depends on what went in, not on how many
cores there were::

    caller's thread      read ──┬─► hasher (1 thread)        diff id
                                └─► compressors (n threads)
                                        └─► writer (1 thread)    digest, file

Pieces under way are bounded by the number of compressors: at most about 100 MiB.

The same bytes need the same encoder: zstd's output may change with its version, that of gzip with
zlib's. Nothing relies on it but the sparing of work: a layer that a store has is found by what it
is compressed from.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from msgspec import Struct

from s3lo.cpus import usable_cpus
from s3lo.errors import from_os
from s3lo.model.digest import Digest
from s3lo.transports import zstd_frames
from s3lo.transports._zstd import zstd
from s3lo.transports.image import Compression
from s3lo.transports.streams import PIECE_BYTES, Moved, Readable, read_up_to, unheard

_MOST_THREADS = 12
"""SHA-256 of the uncompressed side is one thread's work, at 1.2 GB/s where it is fast: more
compressors than this would wait for it, and hold memory meanwhile."""

_LOOK_AHEAD = 2
"""Pieces ready for the next thread that becomes free."""

_ZSTD_DEFAULTS: dict[int, int] = {
    zstd.CompressionParameter.compression_level: 3,
    # Level 3 is made for a window of 2 MiB. With one of a whole piece and somewhat larger tables
    # PyTorch's layers take 2% less, at nine tenths of the speed; level 4 gives 1% for 12%.
    zstd.CompressionParameter.window_log: 22,
    zstd.CompressionParameter.hash_log: 18,
    zstd.CompressionParameter.chain_log: 17,
}
_GZIP_LEVEL = 6
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_TRIED_BYTES = 64 << 10
_WORTH_SQUEEZING = 0.98


class Compressed(Struct, frozen=True):
    """What became of a stream: the digest of what went in, and what came out. Sizes in bytes."""

    diff_id: Digest
    digest: Digest
    size: int
    uncompressed_size: int


class _Contexts(threading.local):
    """A zstd context for each thread: making one for every piece costs an eighth of the speed."""

    def __init__(self, level: int | None) -> None:
        asked: dict[int, int] = {zstd.CompressionParameter.compression_level: level or 0}
        options: dict[int, int] = {
            **(_ZSTD_DEFAULTS if level is None else asked),
            zstd.CompressionParameter.content_size_flag: 1,
            zstd.CompressionParameter.checksum_flag: 1,
        }
        self.compressor = zstd.ZstdCompressor(options=options)


Encoder = Callable[[bytes], bytes]


def _zstd_frames(level: int | None) -> Encoder:
    contexts = _Contexts(level)

    def frame(piece: bytes) -> bytes:
        """One whole frame; given all at once, its size goes into the header."""
        made: bytes = contexts.compressor.compress(piece, zstd.ZstdCompressor.FLUSH_FRAME)
        return made

    return frame


def _gzip_members(level: int | None) -> Encoder:
    usual = _GZIP_LEVEL if level is None else level

    def member(piece: bytes) -> bytes:
        """One member without name and with time 0, as zlib writes it.

        What is compressed already is stored as it is, for which zlib would take 40 ms a megabyte;
        zstd finds that out by itself.
        """
        tried = piece[len(piece) // 2 :][:_TRIED_BYTES]
        is_worth_it = len(zlib.compress(tried, 1)) < _WORTH_SQUEEZING * len(tried)
        wanted = usual if is_worth_it or len(piece) <= _TRIED_BYTES else 0
        packer = zlib.compressobj(wanted, zlib.DEFLATED, _GZIP_WINDOW)
        return packer.compress(piece) + packer.flush()

    return member


def _as_is(piece: bytes) -> bytes:
    return piece


def _encoder(compression: Compression, level: int | None) -> Encoder:
    if compression == "none":
        return _as_is
    return (_zstd_frames if compression == "zstd" else _gzip_members)(level)


class Compressor:
    """Threads that compress one stream after another; a context manager that ends them."""

    def __init__(self, threads: int | None = None, level: int | None = None) -> None:
        self._level = level
        count = threads or min(usable_cpus(), _MOST_THREADS)
        self._pool = ThreadPoolExecutor(count, "s3lo-compress")
        self._hasher = ThreadPoolExecutor(1, "s3lo-hash")
        self._writer = ThreadPoolExecutor(1, "s3lo-write")
        self._room = count + _LOOK_AHEAD

    def __enter__(self) -> Compressor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for executor in (self._pool, self._hasher, self._writer):
            executor.shutdown(cancel_futures=True)

    def compress(
        self, source: Readable, path: Path, compression: Compression, grow: Moved = unheard
    ) -> Compressed:
        """Write a stream, compressed, to a file that is not there yet.

        ``grow`` is told of so many more bytes before they are written, by another thread, and may
        wait until there is room. Raises DiskFull or LocalError where it cannot be written, and what ``source`` raises; the
        file is then gone again.
        """
        try:
            with open(path, "xb") as file:
                return self._run(source, _Output(file, compression, grow), compression)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise from_os(error, f"writing {path}") from error
            raise

    def _run(self, source: Readable, output: _Output, compression: Compression) -> Compressed:
        encode = _encoder(compression, self._level)
        plain = hashlib.sha256()
        pending: deque[tuple[Future[None], Future[None]]] = deque()
        uncompressed_size = 0
        piece = read_up_to(source, PIECE_BYTES)
        # Nothing at all is one empty frame: no bytes are neither zstd nor gzip.
        while piece or not uncompressed_size:
            uncompressed_size += len(piece)
            packed = self._pool.submit(encode, piece)
            written = self._writer.submit(output.write, packed, len(piece))
            pending.append((self._hasher.submit(plain.update, piece), written))
            if len(pending) >= self._room:
                _wait(pending.popleft())
            if not piece:
                break
            piece = read_up_to(source, PIECE_BYTES)
        while pending:
            _wait(pending.popleft())
        diff_id = Digest.from_hex(plain.hexdigest())
        return output.finish(diff_id, uncompressed_size)


def _wait(steps: tuple[Future[None], ...]) -> None:
    for step in steps:
        step.result()


class _Output:
    """The compressed side. Its methods run one at a time, in the order of the pieces."""

    def __init__(self, file: BinaryIO, compression: Compression, grow: Moved) -> None:
        self._file = file
        self._grow = grow
        self._compression = compression
        self._hash: Any = hashlib.sha256()
        self._frames: list[tuple[int, int]] = []
        self._size = 0

    def write(self, packed: Future[bytes], uncompressed_size: int) -> None:
        content = packed.result()
        self._frames.append((len(content), uncompressed_size))
        self._append(content)

    def _append(self, content: bytes) -> None:
        if self._compression != "none":
            self._hash.update(content)
        self._grow(len(content))
        self._file.write(content)
        self._size += len(content)

    def finish(self, diff_id: Digest, uncompressed_size: int) -> Compressed:
        if self._compression == "zstd":
            self._append(zstd_frames.seek_table(self._frames))
        self._file.flush()
        is_same = self._compression == "none"
        digest = diff_id if is_same else Digest.from_hex(self._hash.hexdigest())
        return Compressed(diff_id, digest, self._size, uncompressed_size)
