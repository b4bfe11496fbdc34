"""A blob that a push found present, and that a cleaning takes away before the tag is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import s3lo
from s3lo.events import Event, PhaseStarted
from tests.faults.images import Bucket, Layout, fill_local, key_of


def _at(phase: str, act: Callable[[], None]) -> Callable[[Event], None]:
    """An observer that does something when a phase begins."""

    def observe(event: Event) -> None:
        if isinstance(event, PhaseStarted) and event.phase == phase:
            act()

    return observe


@pytest.mark.usefixtures("aws_env")
@pytest.mark.parametrize("phase", ["transfer", "publish"])
def test_a_reused_blob_that_is_cleaned_away_is_brought_back(
    empty: Bucket, small: Layout, phase: str
) -> None:
    empty.fill(small, "old")
    gone = small.largest
    result = s3lo.push(
        f"oci:{small.path}",
        empty.reference("new"),
        observer=_at(phase, lambda: empty.delete(key_of(gone))),
    )
    assert {blob.digest for blob in result.blobs if blob.uploaded} == {gone}
    empty.check_whole(small, "new")


@pytest.mark.parametrize("phase", ["transfer", "publish"])
def test_a_reused_blob_that_is_cleaned_from_a_local_store_is_brought_back(
    small: Layout, tmp_path: Path, phase: str
) -> None:
    root = tmp_path / "store"
    fill_local(root, small, "old")
    gone = root / key_of(small.largest)
    result = s3lo.push(
        f"oci:{small.path}", f"local://{root}/app:new", observer=_at(phase, gone.unlink)
    )
    assert {blob.digest for blob in result.blobs if blob.uploaded} == {small.largest}
    assert gone.read_bytes() == small.blob(small.largest)
