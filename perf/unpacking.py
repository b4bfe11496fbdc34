"""How fast a zstd layer of 1 GB is decompressed, on one core and on two.

    python -m perf.unpacking [--rounds 5] [--json FILE]

The layer is what a push makes of a real one (PyTorch's wheels, unpacked, repeated until there is
1 GB); every round decompresses it as one stream, frame by frame on one core, and on two.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from perf.figures import paired_ratio, spread
from perf.program import leave, parse
from perf.report.numbers import with_range
from perf.stock import StockImage, plain_layer, stock_image
from perf.workload import find_workloads
from s3lo.transports.compression import Compressor
from s3lo.transports.decompression import decompress
from s3lo.transports.side_by_side import plain_frames
from s3lo.transports.streams import open_range, pieces

_BYTES = 1_000_000_000


def main() -> None:
    given = parse(__doc__)
    image = stock_image(find_workloads()["pull-pytorch"].image, given.cache)
    seconds: dict[str, list[float]] = {"as one stream": [], "one core": [], "two cores": []}
    with tempfile.TemporaryDirectory(dir=given.cache) as scratch:
        path = Path(scratch) / "layer"
        with Compressor() as compressor:
            done = compressor.compress(_Content(image), path, "zstd")
        _check(path, done.diff_id.hex)
        ways: dict[str, Callable[[], int]] = {
            "as one stream": lambda: _as_one_stream(path),
            "one core": lambda: _by_frames(path, 1),
            "two cores": lambda: _by_frames(path, 2),
        }
        for number in range(given.rounds + 1):
            for name, way in ways.items():
                started_at = time.perf_counter()
                assert way() == done.uncompressed_size
                if number:
                    seconds[name].append(time.perf_counter() - started_at)
    summary = {f"{name}, s": with_range(spread(found), 2) for name, found in seconds.items()}
    faster = paired_ratio(seconds["one core"], seconds["two cores"])
    summary["one core to two"] = with_range(faster, 2)
    leave(given, summary, {"seconds": seconds})


class _Content:
    """The image's layers, one after the other and again, up to 1 GB."""

    def __init__(self, image: StockImage) -> None:
        self._pieces = _plain(image)
        self._rest = b""
        self._left = _BYTES

    def read(self, size: int, /) -> bytes:
        whole = self._rest or next(self._pieces)
        count = min(size, self._left)
        piece, self._rest = whole[:count], whole[count:]
        self._left -= len(piece)
        return piece


def _plain(image: StockImage) -> Iterator[bytes]:
    for layer in itertools.cycle(image.manifest["layers"]):
        yield from plain_layer(image, layer)


def _check(path: Path, hex_: str) -> None:
    found = hashlib.sha256()
    with plain_frames(path) as frames:
        assert frames is not None
        for frame in frames:
            found.update(frame)
    if found.hexdigest() != hex_:
        raise SystemExit("the layer came out as something else")


def _as_one_stream(path: Path) -> int:
    with open_range(path, 0, path.stat().st_size) as source:
        return _length(pieces(decompress(source, "zstd")))


def _by_frames(path: Path, cores: int) -> int:
    """With so many cores for all that this process does."""
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(all_cores)[:cores])
    try:
        with plain_frames(path) as frames:
            assert frames is not None
            return _length(frames)
    finally:
        os.sched_setaffinity(0, all_cores)


def _length(found: Iterable[bytes]) -> int:
    return sum(map(len, found))


if __name__ == "__main__":
    main()
