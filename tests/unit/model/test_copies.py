"""Copies: what is asked of a service that copies by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.errors import ServiceError
from s3lo.model import copies
from s3lo.model.copies import CopySource
from s3lo.model.part_sizes import MAX_OBJECT_BYTES, MAX_PART_BYTES, MAX_PARTS, upload_part_bytes


@given(st.integers(1, 3000), st.integers(1, 500))
def test_stretches_cover_an_object_once(size: int, part_bytes: int) -> None:
    cut = list(copies.stretches(size, part_bytes))
    assert [stretch.number for stretch in cut] == list(range(1, len(cut) + 1))
    assert [stretch.start for stretch in cut] == [0, *(stretch.end for stretch in cut[:-1])]
    assert cut[-1].end == size
    assert all(stretch.start < stretch.end for stretch in cut)


def test_the_largest_object_is_cut_within_the_limits() -> None:
    cut = list(copies.stretches(MAX_OBJECT_BYTES, upload_part_bytes(MAX_OBJECT_BYTES, 64 << 20)))
    assert len(cut) <= MAX_PARTS
    assert max(stretch.end - stretch.start for stretch in cut) <= MAX_PART_BYTES
    assert cut[-1].end == MAX_OBJECT_BYTES


def test_a_part_names_its_source_and_its_bytes() -> None:
    source = CopySource("from", "blobs/a b+ü/x", 100, "etag")
    [_, stretch] = copies.stretches(100, 60)
    request = copies.copy_part(source, "upload", stretch)
    assert request.key == "blobs/a b+ü/x"
    assert request.query == (("partNumber", "2"), ("uploadId", "upload"))
    assert dict(request.headers) == {
        "x-amz-copy-source": "/from/blobs/a%20b%2B%C3%BC/x",
        "x-amz-copy-source-if-match": '"etag"',
        "x-amz-copy-source-range": "bytes=60-99",
    }


@pytest.mark.parametrize("answer", [b"", b"<CopyPartResult/>", b"<Else><ETag>x</ETag></Else>"])
def test_a_part_without_an_etag_is_none(answer: bytes) -> None:
    with pytest.raises(ServiceError):
        copies.part_etag(answer)


def test_an_etag_is_read_with_what_xml_escapes() -> None:
    assert copies.part_etag(b"<CopyPartResult><ETag>&quot;x&quot;</ETag></CopyPartResult>") == '"x"'
