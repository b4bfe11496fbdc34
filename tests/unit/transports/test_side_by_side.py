"""Side by side: the same bytes as one decoder gives, or an error, or no claim at all."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from s3lo.errors import IntegrityError
from s3lo.transports import zstd_frames
from s3lo.transports._zstd import zstd
from s3lo.transports.compression import Compressor
from s3lo.transports.side_by_side import plain_frames

CONTENT = random.Random(5).randbytes(64 << 10) * 200  # more than three pieces


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    with Compressor() as compressor:
        compressor.compress(io.BytesIO(CONTENT), tmp_path / "packed", "zstd")
    return tmp_path / "packed"


def plain(path: Path, threads: int = 0) -> bytes | None:
    with plain_frames(path, threads) as frames:
        return None if frames is None else b"".join(frames)


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_all_frames_come_in_order(packed: Path, threads: int) -> None:
    assert plain(packed, threads) == CONTENT


def test_nothing_is_one_empty_frame(tmp_path: Path) -> None:
    with Compressor() as compressor:
        compressor.compress(io.BytesIO(b""), tmp_path / "packed", "zstd")
    assert plain(tmp_path / "packed") == b""


@pytest.mark.parametrize(
    "content",
    [b"", b"x" * 9, b"not zstd at all, and long enough to look", zstd.compress(CONTENT)],
    ids=["empty", "short", "other", "no table"],
)
def test_what_is_not_seekable_makes_no_claim(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert plain(tmp_path / "file") is None


def test_a_table_with_checksums_is_read(tmp_path: Path) -> None:
    """As the zstd repository's own tool can write it."""
    frames = [zstd.compress(b"one" * 1000), zstd.compress(b"two" * 1000)]
    entries = b"".join(
        len(frame).to_bytes(4, "little") + (3000).to_bytes(4, "little") + bytes(4)
        for frame in frames
    )
    footer = (2).to_bytes(4, "little") + b"\x80" + (0x8F92EAB1).to_bytes(4, "little")
    body = entries + footer
    head = (0x184D2A5E).to_bytes(4, "little") + len(body).to_bytes(4, "little")
    (tmp_path / "file").write_bytes(b"".join(frames) + head + body)
    assert plain(tmp_path / "file") == b"one" * 1000 + b"two" * 1000


def with_table(directory: Path, *frames: tuple[bytes, int]) -> Path:
    """Frames, and a table that says these sizes of their contents."""
    table = zstd_frames.seek_table((len(frame), size) for frame, size in frames)
    path = directory / "file"
    path.write_bytes(b"".join(frame for frame, _ in frames) + table)
    return path


@pytest.mark.parametrize("said", [0, 999, 1001, 1 << 20])
def test_a_table_that_lies_about_a_size_is_found_out(tmp_path: Path, said: int) -> None:
    with pytest.raises(IntegrityError, match="seek table"):
        plain(with_table(tmp_path, (zstd.compress(b"x" * 1000), said)))


def test_two_frames_that_are_said_to_be_one_are_found_out(tmp_path: Path) -> None:
    both = zstd.compress(b"x" * 1000) + zstd.compress(b"y" * 1000)
    with pytest.raises(IntegrityError, match="seek table"):
        plain(with_table(tmp_path, (both, 2000)))


def test_a_frame_that_is_damaged_is_found_out(packed: Path) -> None:
    content = bytearray(packed.read_bytes())
    content[len(content) // 2] ^= 1
    packed.write_bytes(content)
    with pytest.raises(IntegrityError):
        plain(packed)


def test_a_frame_too_large_to_hold_makes_no_claim(tmp_path: Path) -> None:
    assert plain(with_table(tmp_path, (zstd.compress(b"x"), 1 << 30))) is None


def test_a_table_that_does_not_add_up_makes_no_claim(tmp_path: Path) -> None:
    path = with_table(tmp_path, (zstd.compress(b"x" * 1000), 1000))
    path.write_bytes(zstd.compress(b"") + path.read_bytes())
    assert plain(path) is None
