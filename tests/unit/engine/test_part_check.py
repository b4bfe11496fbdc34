"""Part check: a part that the store has counts only where it proves to be of the file's bytes."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from awscrt.checksums import crc64nvme
from msgspec.structs import replace

from s3lo.engine.crt.file_range import FileRange
from s3lo.engine.jobs import Done, PutPart
from s3lo.engine.upload.part_check import PartCheck
from s3lo.model.multipart import StoredPart

CONTENT = b"the bytes of a part" * 100_000
CRC = base64.b64encode(crc64nvme(CONTENT).to_bytes(8, "big")).decode()
MD5 = f'"{hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()}"'


def kept_part(job: PutPart) -> Done | None:
    check = PartCheck(job)
    if check.is_needed:
        bytes_ = FileRange(job.path, job.file_offset, job.length)
        bytes_.read_through(check.update)
        bytes_.close()
    return check.kept


@pytest.fixture
def part(tmp_path: Path) -> PutPart:
    path = tmp_path / "file"
    path.write_bytes(b"before" + CONTENT + b"after")
    return PutPart(1, 0, "key", "upload", 2, str(path), 6, 0, len(CONTENT), is_checked=True)


@pytest.mark.parametrize(
    ("there", "is_kept"),
    [
        (StoredPart(2, "tag", CRC), True),
        (StoredPart(2, MD5), True),
        (StoredPart(2, MD5, "another"), False),
        (StoredPart(2, "another"), False),
        (None, False),
    ],
)
def test_what_is_there_counts_by_its_checksum_or_else_by_its_tag(
    part: PutPart, there: StoredPart | None, is_kept: bool
) -> None:
    done = kept_part(replace(part, there=there))
    assert (done is not None) is is_kept
    if done is not None and there is not None:
        assert done == Done(1, there.etag, CRC, was_there=True)


def test_one_wrong_byte_tells(part: PutPart) -> None:
    wrong = replace(part, file_offset=5, there=StoredPart(2, MD5, CRC))
    assert kept_part(wrong) is None


def test_a_part_whose_upload_is_not_checked_gets_no_checksum(part: PutPart) -> None:
    done = kept_part(replace(part, is_checked=False, there=StoredPart(2, MD5)))
    assert done is not None
    assert done.checksum == ""
