"""Fixtures of the transports' tests: archives read both ways."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from s3lo.events import Event, ignore
from s3lo.transports.archive import Wanted, read_file, read_stream
from s3lo.transports.image import Compression, SourceImage
from s3lo.transports.packing import Packing
from tests.unit.transports import builders
from tests.unit.transports.builders import Reader


@pytest.fixture(params=["stream", "file"])
def read(request: pytest.FixtureRequest, tmp_path: Path) -> Reader:
    """Reads an archive's bytes either way; checks every blob of what it gives."""

    def reader(
        archive: bytes,
        compression: Compression = "zstd",
        wanted: Wanted | None = None,
        observer: Callable[[Event], None] = ignore,
    ) -> SourceImage:
        staging = tmp_path / "staging"
        staging.mkdir(exist_ok=True)
        wanted = wanted or Wanted()
        if request.param == "stream":
            image = read_stream(
                io.BytesIO(archive), staging, Packing(compression), wanted, observer
            )
        else:
            path = tmp_path / "archive.tar"
            path.write_bytes(archive)
            image = read_file(path, staging, Packing(compression), wanted, observer)
        builders.check(image)
        return image

    return reader
