"""A tar out of its split: put together exactly, from files that lie where they should."""

from __future__ import annotations

import base64
import gzip
import io
import os
from pathlib import Path

import msgspec
import pytest

from s3lo.errors import IntegrityError, LocalError, S3loError
from s3lo.transports import tar_split
from s3lo.transports.streams import PIECE_BYTES


def segment(content: bytes) -> dict[str, object]:
    return {"type": 2, "payload": base64.b64encode(content).decode(), "position": 0}


def file(name: str, size: int) -> dict[str, object]:
    return {"type": 1, "name": name, "size": size, "payload": "AAAAAAAAAAA=", "position": 1}


def split_of(*entries: dict[str, object]) -> io.BytesIO:
    lines = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
    return io.BytesIO(gzip.compress(lines))


def tar(files: Path, *entries: dict[str, object]) -> bytes:
    return b"".join(tar_split.tar(split_of(*entries), files))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "layer/usr/bin").mkdir(parents=True)
    (tmp_path / "layer/usr/bin/one").write_bytes(b"1" * 1000)
    (tmp_path / "layer/usr/two").write_bytes(os.urandom(PIECE_BYTES + 5))
    (tmp_path / "outside").write_bytes(b"secret")
    return tmp_path / "layer"


def test_content_stands_where_it_belongs(files: Path) -> None:
    made = tar(
        files,
        segment(b"header of one"),
        file("./usr/bin/one", 1000),
        segment(b"padding"),
        file("usr/link", 0),
        file("/usr/two", PIECE_BYTES + 5),
        segment(b"end"),
    )
    two = (files / "usr/two").read_bytes()
    assert made == b"header of one" + b"1" * 1000 + b"padding" + two + b"end"


def test_a_name_that_is_no_utf_8_is_found(files: Path) -> None:
    name = b"usr/caf\xe9"
    (files / os.fsdecode(name)).write_bytes(b"crema")
    raw = base64.b64encode(name).decode()
    assert tar(files, {"type": 1, "name_raw": raw, "size": 5, "position": 0}) == b"crema"


def test_nothing_at_all_is_an_empty_tar(files: Path) -> None:
    assert tar(files) == b""


def test_a_file_that_is_gone_or_shorter_is_an_error(files: Path) -> None:
    with pytest.raises(LocalError, match="usr/three"):
        tar(files, file("usr/three", 1))
    with pytest.raises(IntegrityError, match="lacks 1 bytes"):
        tar(files, file("usr/bin/one", 1001))


@pytest.mark.parametrize("name", ["../outside", "usr/../../outside", "link", "way/outside", ""])
def test_nothing_leads_out_of_the_layer(files: Path, name: str) -> None:
    (files / "link").symlink_to(files.parent / "outside")
    (files / "way").symlink_to(files.parent)
    with pytest.raises(S3loError):
        tar(files, file(name, 6))


def test_a_fifo_in_the_place_of_a_file_is_not_waited_for(files: Path) -> None:
    os.mkfifo(files / "fifo")
    with pytest.raises(IntegrityError, match="fifo"):
        tar(files, file("fifo", 6))


@pytest.mark.parametrize(
    "split",
    [b"no gzip", gzip.compress(b"no JSON\n"), gzip.compress(b'{"type":1,"size":"x"}\n')],
    ids=["no-gzip", "no-json", "no-entry"],
)
def test_a_damaged_split_is_an_error(files: Path, split: bytes) -> None:
    with pytest.raises(IntegrityError):
        b"".join(tar_split.tar(io.BytesIO(split), files))


def test_a_split_that_is_cut_short_is_an_error(files: Path) -> None:
    whole = split_of(*(segment(os.urandom(1000)) for _ in range(100))).getvalue()
    with pytest.raises(IntegrityError):
        b"".join(tar_split.tar(io.BytesIO(whole[: len(whole) // 2]), files))
