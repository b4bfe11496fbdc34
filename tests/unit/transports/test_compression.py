"""Compression: what comes out is what went in, and always the same bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import random
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3lo.errors import IntegrityError, LocalError
from s3lo.transports import decompression
from s3lo.transports._zstd import zstd
from s3lo.transports.compression import Compressor
from s3lo.transports.decompression import decompress, detect, told_size, uncompressed_size
from s3lo.transports.image import Compression
from s3lo.transports.streams import PIECE_BYTES, pieces

KINDS: tuple[Compression, ...] = ("zstd", "gzip", "none")
kinds = pytest.mark.parametrize("kind", KINDS)


class Dribble:
    """A source that gives less than it is asked for, as pipes do."""

    def __init__(self, content: bytes, most: int) -> None:
        self._file = io.BytesIO(content)
        self._most = most

    def read(self, size: int, /) -> bytes:
        return self._file.read(min(size, self._most))


class Broken:
    """A source that ends with an error."""

    def __init__(self, length: int) -> None:
        self._left = length

    def read(self, size: int, /) -> bytes:
        if not self._left:
            raise IntegrityError("cut")
        count = min(size, self._left)
        self._left -= count
        return bytes(count)


def noise(size: int) -> bytes:
    """Half of it compressible."""
    return random.Random(size).randbytes(size // 2) + bytes(size - size // 2)


def packed(content: bytes, kind: Compression, directory: Path, threads: int = 2) -> bytes:
    path = directory / "packed"
    with Compressor(threads) as compressor:
        done = compressor.compress(Dribble(content, 70_000), path, kind)
    out = path.read_bytes()
    path.unlink()
    assert done.diff_id == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert done.digest == f"sha256:{hashlib.sha256(out).hexdigest()}"
    assert (done.size, done.uncompressed_size) == (len(out), len(content))
    return out


def unpacked(content: bytes, kind: Compression) -> bytes:
    return b"".join(pieces(decompress(Dribble(content, 1000), kind), 5000))


@kinds
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=5000))
def test_any_content_survives_a_round_trip(
    tmp_path: Path, kind: Compression, content: bytes
) -> None:
    assert unpacked(packed(content, kind, tmp_path), kind) == content


@kinds
@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1])
def test_content_of_the_length_of_a_piece_survives(
    tmp_path: Path, kind: Compression, size: int
) -> None:
    content = noise(size)
    assert unpacked(packed(content, kind, tmp_path), kind) == content


@kinds
def test_output_does_not_depend_on_the_number_of_threads(tmp_path: Path, kind: Compression) -> None:
    content = noise(5 * PIECE_BYTES + 17)
    outputs = {packed(content, kind, tmp_path, threads) for threads in (1, 2, 7)}
    assert len(outputs) == 1


def test_one_compressor_gives_every_stream_the_same_bytes(tmp_path: Path) -> None:
    content = noise(2 * PIECE_BYTES)
    with Compressor(2) as compressor:
        done = [
            compressor.compress(io.BytesIO(content), tmp_path / str(number), "zstd")
            for number in range(3)
        ]
    assert len(set(done)) == 1


def test_gzip_says_nothing_of_when_and_where_it_was_made(tmp_path: Path) -> None:
    out = packed(b"content", "gzip", tmp_path)
    flags, time = out[3], out[4:8]
    assert (flags, time) == (0, bytes(4))
    assert gzip.decompress(out) == b"content"


def test_plain_decoders_take_what_is_compressed(tmp_path: Path) -> None:
    content = noise(2 * PIECE_BYTES + 5)
    assert zstd.decompress(packed(content, "zstd", tmp_path)) == content
    assert gzip.decompress(packed(content, "gzip", tmp_path)) == content


def test_zstd_ends_with_the_table_of_the_seekable_format(tmp_path: Path) -> None:
    content = noise(2 * PIECE_BYTES + 5)
    out = packed(content, "zstd", tmp_path)
    count, descriptor, magic = struct.unpack("<IBI", out[-9:])
    assert (count, descriptor, magic) == (3, 0, 0x8F92EAB1)
    entries = [struct.unpack_from("<II", out, len(out) - 9 - 8 * (3 - i)) for i in range(3)]
    start = 0
    for compressed, plain in entries:
        frame = out[start : start + compressed]
        assert zstd.get_frame_info(frame).decompressed_size == plain
        assert len(zstd.decompress(frame)) == plain
        start += compressed
    assert struct.unpack_from("<II", out, start) == (0x184D2A5E, 3 * 8 + 9)


def test_every_zstd_frame_has_a_checksum(tmp_path: Path) -> None:
    assert packed(b"content", "zstd", tmp_path)[4] & 4


@kinds
def test_a_source_that_fails_leaves_no_file(tmp_path: Path, kind: Compression) -> None:
    path = tmp_path / "packed"
    with Compressor(2) as compressor, pytest.raises(IntegrityError, match="cut"):
        compressor.compress(Broken(3 * PIECE_BYTES), path, kind)
    assert not path.exists()


def test_a_place_that_cannot_be_written_is_a_local_error(tmp_path: Path) -> None:
    with Compressor(1) as compressor, pytest.raises(LocalError):
        compressor.compress(io.BytesIO(b""), tmp_path / "absent" / "file", "zstd")


@kinds
def test_what_is_compressed_is_recognised(tmp_path: Path, kind: Compression) -> None:
    assert detect(packed(noise(4000), kind, tmp_path)) == kind


def test_content_that_begins_with_a_skippable_frame_is_zstd() -> None:
    skippable = struct.pack("<II", 0x184D2A50, 3) + b"abc"
    content = skippable + zstd.compress(b"one") + skippable + zstd.compress(b"two")
    assert detect(content) == "zstd"
    assert unpacked(content, "zstd") == b"onetwo"


@pytest.mark.parametrize("kind", ["zstd", "gzip"])
def test_a_cut_anywhere_is_an_error(tmp_path: Path, kind: Compression) -> None:
    out = packed(noise(3000), kind, tmp_path)
    # Behind the only frame lies its seek table: a cut between the two is a whole stream.
    whole = len(out) - (8 + 8 + 9) if kind == "zstd" else len(out)
    for cut in [*range(1, len(out), 37), len(out) - 1]:
        if cut == whole:
            continue
        with pytest.raises(IntegrityError):
            unpacked(out[:cut], kind)


@pytest.mark.parametrize("kind", ["zstd", "gzip"])
def test_a_flipped_bit_is_an_error(tmp_path: Path, kind: Compression) -> None:
    content = noise(3000)
    out = packed(content, kind, tmp_path)
    body = len(out) - (8 + 8 + 9) if kind == "zstd" else len(out)
    for position in range(20, body, 41):
        damaged = bytearray(out)
        damaged[position] ^= 4
        with pytest.raises(IntegrityError):
            unpacked(bytes(damaged), kind)


def test_gzip_is_read_without_isal_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "isal", None)
    decompression._gzip_codec.cache_clear()
    try:
        out = packed(noise(3000), "gzip", tmp_path)
        assert unpacked(out + out, "gzip") == noise(3000) * 2
        for damaged in (out[:-1], out[:200], out[:50] + b"xxxx" + out[54:], out + b"rest"):
            with pytest.raises(IntegrityError):
                unpacked(damaged, "gzip")
    finally:
        decompression._gzip_codec.cache_clear()


def size_of(content: bytes, path: Path) -> int | None:
    path.write_bytes(content)
    return uncompressed_size(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.binary(max_size=3000), min_size=1, max_size=4))
def test_the_size_inside_zstd_is_the_sum_over_frames(tmp_path: Path, parts: list[bytes]) -> None:
    frames = b"".join(map(zstd.compress, parts))
    assert size_of(frames, tmp_path / "file") == sum(map(len, parts))


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_791, 65_792, 1 << 20, 3 * PIECE_BYTES + 1])
def test_the_size_inside_is_known_for_every_width_of_its_field(tmp_path: Path, size: int) -> None:
    content = noise(size)
    assert size_of(packed(content, "zstd", tmp_path), tmp_path / "file") == size


def test_the_size_of_runs_of_one_byte_is_known(tmp_path: Path) -> None:
    assert size_of(zstd.compress(bytes(1 << 20)), tmp_path / "file") == 1 << 20


def test_a_frame_that_does_not_declare_its_size_has_none(tmp_path: Path) -> None:
    packer = zstd.ZstdCompressor()
    frame = packer.compress(b"content", packer.FLUSH_BLOCK) + packer.flush()
    assert size_of(zstd.compress(b"x") + frame, tmp_path / "file") is None


def test_the_size_inside_gzip_is_not_told_and_a_plain_one_is_its_own(tmp_path: Path) -> None:
    assert size_of(gzip.compress(b"content"), tmp_path / "file") is None
    assert size_of(b"content", tmp_path / "file") == 7


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_s_end_tells_the_size_inside(tmp_path: Path, kind: Compression) -> None:
    content = noise(3 * PIECE_BYTES + 1)
    path = tmp_path / "file"
    # A gzip of ours has several members; others make one.
    file = gzip.compress(content) if kind == "gzip" else packed(content, kind, tmp_path)
    path.write_bytes(file)
    assert told_size(path) == len(content)


@pytest.mark.parametrize(
    "file",
    [
        gzip.compress(noise(9000)) + gzip.compress(noise(100)),
        gzip.compress(noise(9000)) + gzip.compress(b""),
        zstd.compress(b"content"),
        gzip.compress(b"")[:3],
    ],
    ids=["last member", "empty member", "no table", "no end"],
)
def test_an_end_that_tells_little_tells_nothing(tmp_path: Path, file: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(file)
    assert told_size(path) is None


def test_of_a_gzip_that_may_hold_four_gigabytes_the_end_tells_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(b"")[:10])
    os.truncate(path, 600 << 20)
    with path.open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write((3 << 30).to_bytes(4, "little"))
    assert told_size(path) is None
    os.truncate(path, 500 << 20)
    with path.open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write((3 << 30).to_bytes(4, "little"))
    assert told_size(path) == 3 << 30


def test_counting_a_cut_zstd_file_is_an_error(tmp_path: Path) -> None:
    out = packed(noise(300_000), "zstd", tmp_path)
    frame = len(out) - (8 + 8 + 9)
    for cut in [5, 8, frame - 200_000, frame - 1, len(out) - 1]:
        with pytest.raises(IntegrityError):
            size_of(out[:cut], tmp_path / "file")
