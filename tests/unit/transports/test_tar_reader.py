"""The tar reader: every dialect read, nothing that is cut or leads elsewhere taken for whole."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.errors import IntegrityError
from s3lo.transports.streams import pieces
from s3lo.transports.tar_reader import (
    FileSource,
    Member,
    Source,
    StreamSource,
    is_tar,
    members,
    safe_name,
)
from tests.unit.transports.builders import Link, tar

FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


def read(archive: bytes) -> dict[str, bytes]:
    source = StreamSource(io.BytesIO(archive))
    return {member.name: b"".join(pieces(reader)) for member, reader in members(source)}


def listed(source: Source) -> list[Member]:
    return [member for member, _ in members(source)]


names = st.lists(st.text("abcdé0_", min_size=1, max_size=60), min_size=1, max_size=4).map("/".join)


@given(
    files=st.dictionaries(names, st.binary(max_size=1500), max_size=5),
    format=st.sampled_from(FORMATS[1:]),
)
def test_every_dialect_is_read(files: dict[str, bytes], format: int) -> None:
    assert read(tar(files, format)) == files


@pytest.mark.parametrize("format", FORMATS)
def test_names_longer_than_a_header_are_whole(format: int) -> None:
    files = {f"{'d' * 90}/{'e' * 60}": b"content", "after": b"x"}
    assert read(tar(files, format)) == files


def test_a_stream_and_a_file_show_the_same_members(tmp_path: Path) -> None:
    archive = tar({"one": b"1" * 1000, "two": b"", "three": b"3" * 513})
    path = tmp_path / "archive"
    path.write_bytes(archive)
    fd = os.open(path, os.O_RDONLY)
    try:
        in_file = listed(FileSource(fd))
    finally:
        os.close(fd)
    assert in_file == listed(StreamSource(io.BytesIO(archive)))
    first = in_file[0]
    assert archive[first.offset : first.offset + first.size] == b"1" * 1000


def test_links_are_named_from_the_root_of_the_archive() -> None:
    archive = tar({"a/b": Link("../c/d"), "a/hard": Link("c/d", is_hard=True)})
    targets = {member.name: member.target for member in listed(StreamSource(io.BytesIO(archive)))}
    assert targets == {"a/b": "c/d", "a/hard": "c/d"}


@pytest.mark.parametrize("target", ["../../etc/passwd", "/etc/passwd", "../.."])
def test_a_link_that_leads_out_is_refused(target: str) -> None:
    with pytest.raises(IntegrityError, match="leads out"):
        read(tar({"a/b": Link(target)}))


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "", ".", "a/..", "x\0y"])
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(IntegrityError):
        safe_name(name)


def test_a_name_is_shortened() -> None:
    assert safe_name("./blobs//sha256/../x") == "blobs/x"


def test_a_cut_anywhere_is_an_error(tmp_path: Path) -> None:
    archive = tar({"one": b"1" * 700, "n" * 150: b"2" * 10, "three": b""})
    end = 512 * 8
    assert not any(archive[end:])
    path = tmp_path / "archive"
    for cut in {*range(0, end + 512, 129), *range(0, end + 512, 512)}:
        with pytest.raises(IntegrityError):
            read(archive[:cut])
        path.write_bytes(archive[:cut])
        fd = os.open(path, os.O_RDONLY)
        try:
            with pytest.raises(IntegrityError):
                listed(FileSource(fd))
        finally:
            os.close(fd)


def test_one_block_of_zeros_ends_an_archive() -> None:
    archive = tar({"one": b"1"})
    assert read(archive[: 512 * 3]) == {"one": b"1"}


def test_what_follows_the_end_is_read_away() -> None:
    stream = io.BytesIO(tar({"one": b"1"}) + bytes(10_000))
    assert listed(StreamSource(stream))
    assert stream.read() == b""


@pytest.mark.parametrize("content", [b"no archive" * 100, b"\x1f\x8b" + bytes(2000), b"short"])
def test_something_else_is_no_archive(content: bytes) -> None:
    with pytest.raises(IntegrityError):
        read(content)


def test_a_huge_header_that_only_describes_is_refused() -> None:
    info = tarfile.TarInfo("name")
    info.type, info.size = tarfile.XHDTYPE, 1 << 33
    with pytest.raises(IntegrityError, match="tar header"):
        read(info.tobuf(tarfile.GNU_FORMAT))


@pytest.mark.parametrize(
    "record",
    [
        b"999 path=x\n",
        b"x path=y\n",
        b"11 size=-5\n",
        b"0 a=b\n",
        "11 size=²\n".encode(),
        b"30 size=" + b"9" * 21 + b"\n",
        b"9" * 5000 + b" a=b\n",
    ],
)
def test_a_malformed_extended_header_is_refused(record: bytes) -> None:
    info = tarfile.TarInfo("name")
    info.type, info.size = tarfile.XHDTYPE, len(record)
    padding = bytes(-len(record) % 512)
    with pytest.raises(IntegrityError, match=r"extended header|malformed size"):
        read(info.tobuf() + record + padding + tar({"one": b"1"}))


def test_a_size_beyond_eight_gibibytes_is_read(tmp_path: Path) -> None:
    size = 9 << 30
    info = tarfile.TarInfo("huge")
    info.size = size
    path = tmp_path / "sparse"
    with open(path, "wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.truncate(512 + size + 1024)
    fd = os.open(path, os.O_RDONLY)
    try:
        assert listed(FileSource(fd)) == [Member("huge", 512, size)]
    finally:
        os.close(fd)


def test_a_tar_is_recognised_by_its_checksum() -> None:
    archive = tar({"one": b"1"})
    assert is_tar(archive[:512])
    assert is_tar(bytes(512))
    assert not is_tar(b"{" + archive[1:512])
    assert not is_tar(archive[:511])
    assert not is_tar(b"")
