"""The store of perf.keeping, smaller: what is listed, counted and cleaned there is what was put there."""

from __future__ import annotations

from pathlib import Path

import pytest

from perf.check import WrongResult
from perf.keeping import of_bucket, of_directory, summarised
from perf.large_store import LargeStore
from tests.native.origin_clients import serving_origin
from tests.servers import OriginOptions

STORE = LargeStore(images=120, tags_each=4, unneeded=50, keep_last=3)


def test_a_store_is_measured_as_a_directory_and_as_a_bucket(tmp_path: Path) -> None:
    root = STORE.root(tmp_path)
    assert STORE.root(tmp_path) == root
    assert len(list((root / "bucket" / "blobs" / "sha256").iterdir())) == STORE.blobs
    local = of_directory(STORE, root)
    assert local["clean"].requests == 0
    with serving_origin(root, OriginOptions(still=True)) as origin:
        found = of_bucket(origin)(STORE, root)
    tags, manifests_pages = STORE.tags, 1
    assert found["alone"].requests == manifests_pages
    assert found["list"].requests == manifests_pages
    assert tags < found["stats"].requests < tags + 30, "each manifest is read once"
    assert tags < found["clean"].requests < tags + 30
    assert found["clean"].peak_mib > 0
    assert "clean, MiB" in summarised([found])


def test_a_store_that_is_not_what_it_should_be_is_no_measurement(tmp_path: Path) -> None:
    root = STORE.root(tmp_path)
    next((root / "bucket" / "blobs" / "sha256").iterdir()).unlink()
    with pytest.raises(WrongResult):
        of_directory(STORE, root)
