"""Hashing: SHA-256 of files in threads, beside a transfer; the end waits for all of them."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor

from perf.peers.work import Item, Work

_READ_BYTES = 1 << 20


class Hashing:
    """Checks what it is given, where the job is to be verified; a push's files it has at once."""

    def __init__(self, work: Work) -> None:
        self._is_wanted = work.job.verified
        self._pool = ThreadPoolExecutor(work.job.cpus)
        self._sums: list[tuple[Item, Future[str]]] = []
        if not work.is_pull:
            for item in work.items:
                self._submit(item)

    def pulled(self, item: Item) -> None:
        """The file is complete."""
        self._submit(item)

    def finish(self) -> None:
        """Wait; exit with status 1 and the name of a file that is not what its name says."""
        for item, found in self._sums:
            if found.result() != item.hex:
                raise SystemExit(f"{item.path} is damaged")

    def _submit(self, item: Item) -> None:
        if self._is_wanted:
            self._sums.append((item, self._pool.submit(_sha256, item.path)))


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_READ_BYTES))
    file = os.open(path, os.O_RDONLY)
    try:
        while count := os.readv(file, [buffer]):
            digest.update(buffer[:count])
    finally:
        os.close(file)
    return digest.hexdigest()
