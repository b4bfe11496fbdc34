"""The verifier: hashes follow the frontier, end right, and never run ahead."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from queue import SimpleQueue

import pytest

from s3lo.engine.verifier import Hashed, Verifier


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_blobs_that_grow_side_by_side_are_hashed_right(tmp_path: Path, threads: int) -> None:
    reports: SimpleQueue[Hashed] = SimpleQueue()
    verifier = Verifier(threads, reports.put)
    contents = [os.urandom(size) for size in (0, 1, 3 << 20, (5 << 20) + 7)]
    files = [tmp_path / str(n) for n in range(len(contents))]
    for number, (path, content) in enumerate(zip(files, contents, strict=True)):
        path.write_bytes(bytes(len(content)))
        verifier.add(number, str(path), len(content))
    for start in range(0, 6 << 20, 1 << 19):
        for number, (path, content) in enumerate(zip(files, contents, strict=True)):
            if start < len(content):
                with path.open("r+b") as file:
                    file.seek(start)
                    file.write(content[start : start + (1 << 19)])
                verifier.advance(number, min(len(content), start + (1 << 19)))
    results = {r.blob: r.hex for r in (reports.get(timeout=30) for _ in contents)}
    verifier.close()
    assert results == {n: hashlib.sha256(c).hexdigest() for n, c in enumerate(contents)}


def test_a_range_in_the_middle_of_a_file_is_hashed_alone(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    path.write_bytes(b"before" + b"content" + b"after")
    reports: SimpleQueue[Hashed] = SimpleQueue()
    verifier = Verifier(1, reports.put)
    verifier.add(0, str(path), 7, offset=6)
    verifier.advance(0, 7)
    assert reports.get(timeout=30).hex == hashlib.sha256(b"content").hexdigest()
    verifier.close()


def test_a_file_that_vanishes_or_shrinks_is_an_error_not_a_hang(tmp_path: Path) -> None:
    reports: SimpleQueue[Hashed] = SimpleQueue()
    verifier = Verifier(1, reports.put)
    verifier.add(0, str(tmp_path / "absent"), 5)
    verifier.advance(0, 5)
    assert reports.get(timeout=30).error is not None
    (tmp_path / "short").write_bytes(b"123")
    verifier.add(1, str(tmp_path / "short"), 5)
    verifier.advance(1, 5)
    assert reports.get(timeout=30).error is not None
    verifier.close()
