"""Images of the suite: the same for everyone, and whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

from perf.stock import stock_image
from perf.workload import Shape

_SHAPE = Shape(blobs=2, blob_size="70KiB")


def test_the_same_shape_gives_the_same_digests_anywhere(tmp_path: Path) -> None:
    first, second = (stock_image(_SHAPE, tmp_path / name) for name in ("a", "b"))
    assert first.blobs == second.blobs
    assert len(first.blobs) == 3
    for blob in first.blobs:
        content = first.path(blob).read_bytes()
        assert hashlib.sha256(content).hexdigest() == blob.hex
        assert (first.root / "bucket" / "blobs" / "sha256" / blob.hex).read_bytes() == content


def test_an_image_is_kept_between_runs(tmp_path: Path) -> None:
    first = stock_image(_SHAPE, tmp_path)
    made_at = first.layout.stat().st_ctime_ns
    assert stock_image(_SHAPE, tmp_path).layout.stat().st_ctime_ns == made_at


def test_an_image_that_a_contender_damaged_is_made_again(tmp_path: Path) -> None:
    """A tool in the making once opened the blobs that it was to read with O_TRUNC."""
    image = stock_image(_SHAPE, tmp_path)
    path = image.path(image.blobs[1])
    for damage in (lambda: path.write_bytes(b""), path.unlink):
        damage()
        again = stock_image(_SHAPE, tmp_path)
        assert again.blobs == image.blobs
        assert path.stat().st_size == again.blobs[1].size


def test_a_blob_of_zeros_takes_no_room_and_has_their_digest(tmp_path: Path) -> None:
    image = stock_image(Shape(blobs=1, blob_size="3MiB", sparse=True), tmp_path)
    [blob] = [blob for blob in image.blobs if blob.size == 3 << 20]
    assert blob.hex == hashlib.sha256(bytes(3 << 20)).hexdigest()
    assert image.path(blob).stat().st_blocks == 0
    assert image.path(blob).read_bytes() == bytes(3 << 20)
