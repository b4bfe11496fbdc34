"""Fixtures: an origin with one file in it, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.native.origin_calls import CONTENT
from tests.native.origin_clients import BUCKET, boto, serving_origin
from tests.servers import Origin, OriginOptions


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    """Uploads go to memory; the file ``bucket/file`` is there."""
    (tmp_path / BUCKET).mkdir()
    (tmp_path / BUCKET / "file").write_bytes(CONTENT)
    with serving_origin(tmp_path, OriginOptions(sink="memory")) as origin:
        yield origin


@pytest.fixture
def client(origin: Origin) -> Any:
    return boto(origin)
