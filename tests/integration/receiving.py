"""What tests of the socket backend receive, and with what."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from s3lo.engine.backend import SocketConfig
from s3lo.engine.jobs import Get, Outcome
from s3lo.engine.sockets.backend import SocketBackend
from s3lo.engine.sockets.pipe import PIPE_BYTES
from s3lo.model.objects import Endpoint
from tests.servers.scripted import Scripted, Step

CONTENT = random.Random(7).randbytes(3 * PIPE_BYTES + 12_345)
HEX = hashlib.sha256(CONTENT).hexdigest()


def ranged(request: str, *, cut: int = 0, etag: str = '"one"') -> list[Step]:
    """What a service answers to a range of CONTENT, all but the last ``cut`` bytes of it."""
    found = re.search(r"range: bytes=(\d+)-(\d+)", request)
    assert found
    start, end = int(found[1]), int(found[2]) + 1
    head = (
        f"HTTP/1.1 206 Partial Content\r\nContent-Length: {end - start}\r\nETag: {etag}\r\n"
        f"Content-Range: bytes {start}-{end - 1}/{len(CONTENT)}\r\n\r\n"
    )
    return [head.encode() + CONTENT[start : end - cut]]


class Backend:
    """A backend, and what it reported."""

    def __init__(self, url: str, directory: Path) -> None:
        endpoint = Endpoint("bucket", "us-east-1", url, path_style=True)
        self.backend = SocketBackend(SocketConfig(endpoint, None))
        self.reports: SimpleQueue[Outcome] = SimpleQueue()
        self.path = directory / "blob"

    def start(self, number: int, offset: int, length: int, **more: object) -> Get:
        given = {"is_hashed": True, "patience_seconds": 1.0, **more}
        size = len(CONTENT)
        job = Get(number, 0, "key", offset, length, size, str(self.path), **given)  # type: ignore[arg-type]
        self.backend.start(job, self.reports.put)
        return job

    def fetch(self, offset: int = 0, length: int = len(CONTENT), **more: object) -> Outcome:
        self.start(1, offset, length, **more)
        return self.reports.get(timeout=30)


@contextmanager
def receiving(server: Scripted, directory: Path) -> Iterator[Backend]:
    with server:
        made = Backend(server.url, directory)
        try:
            yield made
        finally:
            made.backend.close()
