"""The origin's caps hold for every size of request, on one connection and on new ones.

Not speed is asserted but that a limiter limits: never more than the cap, and not a fraction of it.
How close below the cap a rate comes is a matter of the machine's other guests too (a run in which a
third of the CPU was stolen reached 74 of 90 MB/s with requests of 64 KiB): that is no test's to ask.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.native.origin_clients import BUCKET, serving_origin
from tests.servers import Origin, OriginOptions

TOLERANCE = 0.03
LEAST_SHARE = 0.5
"""Of its cap that a limiter lets through; what waits twice for each piece comes to less."""
TRIES = 3
SECONDS = 1.0
_LARGEST_BYTES = 64 << 20
_BUFFER = memoryview(bytearray(1 << 20))
"""Where all that is read goes: nobody looks at it."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / BUCKET).mkdir()
    with open(tmp_path / BUCKET / "file", "wb") as file:
        file.truncate(_LARGEST_BYTES)
    return tmp_path


class _Raw:
    """One connection without a client's own costs."""

    def __init__(self, origin: Origin) -> None:
        self._socket = socket.create_connection((origin.address, origin.port), timeout=60)

    def close(self) -> None:
        self._socket.close()

    def get(self, size: int) -> None:
        """Read a range of this size; its answer's head counts for nothing."""
        range_ = f"Range: bytes=0-{size - 1}"
        self._socket.sendall(f"GET /{BUCKET}/file HTTP/1.1\r\n{range_}\r\n\r\n".encode())
        left = size - len(self._head())
        while left:
            left -= self._socket.recv_into(_BUFFER)

    def put(self, size: int) -> None:
        head = f"PUT /{BUCKET}/key HTTP/1.1\r\nContent-Length: {size}\r\n\r\n"
        self._socket.sendall(head.encode())
        for start in range(0, size, len(_BUFFER)):
            self._socket.sendall(_BUFFER[: size - start])
        self._head()

    def copy(self, size: int) -> None:
        """Have the file copied, which is this large."""
        assert size == _LARGEST_BYTES
        source = f"x-amz-copy-source: /{BUCKET}/file"
        self._socket.sendall(f"PUT /{BUCKET}/copy HTTP/1.1\r\n{source}\r\n\r\n".encode())
        self._head()

    def _head(self) -> bytes:
        """Read the answer's head, and give what came behind it."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._socket.recv(65_536)
        assert head.startswith(b"HTTP/1.1 20"), head
        return head.partition(b"\r\n\r\n")[2]


Move = Callable[[_Raw, int], None]


def _rate(origin: Origin, move: Move, size: int, count: int, is_fresh: bool) -> float:
    """Bytes a second over a series of requests, from before the first connection's start."""
    start = time.monotonic()
    with ExitStack() as stack:
        connection = None
        for _ in range(count):
            if connection is None or is_fresh:
                connection = _Raw(origin)
                stack.callback(connection.close)
            move(connection, size)
    return size * count / (time.monotonic() - start)


def _hold(measure: Callable[[], float], cap: int, least_share: float = LEAST_SHARE) -> None:
    """Never above the cap, and in some try not far below it."""
    rates = []
    for _ in range(TRIES):
        rates.append(measure())
        assert rates[-1] <= cap * (1 + TOLERANCE)
        if rates[-1] >= cap * least_share:
            return
    pytest.fail(f"{max(rates) / 1e6:.2f} MB/s is too far below {cap / 1e6:.0f} MB/s")


@pytest.mark.parametrize("is_fresh", [False, True], ids=["kept", "fresh"])
@pytest.mark.parametrize("move", [_Raw.get, _Raw.put], ids=["down", "up"])
@pytest.mark.parametrize(
    ("cap", "size"),
    [
        *((8_000_000, size) for size in (64 << 10, 1 << 20, 16 << 20)),
        *((25_000_000, size) for size in (64 << 10, 1 << 20, 16 << 20)),
        *((90_000_000, size) for size in (64 << 10, 64 << 20)),
    ],
)
def test_a_connection_keeps_to_its_rate(
    root: Path, cap: int, size: int, move: Move, is_fresh: bool
) -> None:
    count = max(1, round(cap * SECONDS / size))
    # What a new connection costs, a small request on it cannot make up for.
    is_brief = is_fresh and size < cap / 10
    least_share = 0.0 if is_brief else LEAST_SHARE
    with serving_origin(root, OriginOptions(connection_bytes_per_second=cap)) as origin:
        _hold(lambda: _rate(origin, move, size, count, is_fresh), cap, least_share)


def test_a_single_small_request_takes_its_time(root: Path) -> None:
    """Kernel buffers would swallow it at once, were it not paid for before."""
    with serving_origin(root, OriginOptions(connection_bytes_per_second=2_000_000)) as origin:
        for move in (_Raw.get, _Raw.put):
            assert _rate(origin, move, 64 << 10, 1, True) <= 2_000_000 * (1 + TOLERANCE)


@pytest.mark.parametrize("move", [_Raw.get, _Raw.put], ids=["down", "up"])
def test_all_connections_share_the_total_rate(root: Path, move: Move) -> None:
    cap, connections, size = 40_000_000, 8, 1 << 20
    count = round(cap * SECONDS / size / connections)

    def measure(origin: Origin) -> float:
        start = time.monotonic()
        with ThreadPoolExecutor(connections) as pool:
            series = [
                pool.submit(_rate, origin, move, size, count, False) for _ in range(connections)
            ]
            for one in series:
                one.result()
        return connections * count * size / (time.monotonic() - start)

    with serving_origin(root, OriginOptions(total_bytes_per_second=cap)) as origin:
        _hold(lambda: measure(origin), cap)


def test_a_copy_is_no_faster_than_its_connection(root: Path) -> None:
    """As at S3, where one request copies some 100 MB/s, and several at once more. Of the total rate
    it takes nothing: it crosses no network."""
    cap = 90_000_000
    options = OriginOptions(
        sink="memory", connection_bytes_per_second=cap, total_bytes_per_second=cap // 10
    )
    with serving_origin(root, options) as origin:
        _hold(lambda: _rate(origin, _Raw.copy, _LARGEST_BYTES, 1, True), cap)
