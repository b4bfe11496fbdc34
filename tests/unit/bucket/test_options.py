"""Options of what is written: which headers they stand for, and which of them make no sense."""

from __future__ import annotations

import pytest

from s3lo.bucket.options import StorageOptions
from s3lo.errors import UsageError

TYPE = ("content-type", "application/octet-stream")


def test_a_class_that_was_not_named_is_a_preference() -> None:
    options = StorageOptions()
    assert options.headers == ()
    assert options.blob_headers == (TYPE,)
    assert options.blob_preferences == (("x-amz-storage-class", "INTELLIGENT_TIERING"),)


def test_a_class_that_was_named_is_demanded() -> None:
    options = StorageOptions("STANDARD_IA")
    assert options.blob_headers == (TYPE, ("x-amz-storage-class", "STANDARD_IA"))
    assert options.blob_preferences == ()


def test_encryption_is_asked_for_of_everything() -> None:
    options = StorageOptions(sse="aws:kms", sse_kms_key_id="key")
    assert options.headers == (
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "key"),
    )
    assert options.blob_headers == (TYPE, *options.headers)


@pytest.mark.parametrize(
    "options",
    [
        StorageOptions(sse_kms_key_id="key"),
        StorageOptions(sse="AES256", sse_kms_key_id="key"),
        StorageOptions("standard ia"),
        StorageOptions("X\r\nx-amz-acl: public-read"),
        StorageOptions(sse="aws:kms", sse_kms_key_id="a key"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(options: StorageOptions) -> None:
    with pytest.raises(UsageError):
        options.check()
