"""Options: how a user says where a bucket is reached and as whom, and how objects are kept there."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from s3lo.errors import UsageError

Headers = tuple[tuple[str, str], ...]
Encryption = Literal["", "AES256", "aws:kms"]

BLOB_CLASS = "INTELLIGENT_TIERING"
"""Of blobs, where the service has it (STORAGE: "Objects")."""
_CLASS_HEADER = "x-amz-storage-class"
_CLASS = re.compile(r"[A-Z0-9_]+")
_KEY_ID = re.compile(r"[!-~]+")


class ConnectionOptions(Struct, frozen=True):
    """Wishes of the command line or the API; what is empty comes from AWS's own variables and files."""

    endpoint_url: str = ""
    region: str = ""
    profile: str = ""
    no_sign_request: bool = False
    ca_bundle: str = ""
    request_payer: Literal["", "requester"] = ""
    """Who pays for requests and what they move, where it is not the bucket's owner."""


class StorageOptions(Struct, frozen=True):
    """How what is written is kept; what is empty is the bucket's affair."""

    storage_class: str = ""
    """Of blobs. Empty: INTELLIGENT_TIERING, or the service's own where it does not have that."""
    sse: Encryption = ""
    """Server-side encryption."""
    sse_kms_key_id: str = ""

    def check(self) -> None:
        """Raise UsageError for wishes that make no sense."""
        if self.sse_kms_key_id and self.sse != "aws:kms":
            raise UsageError("a KMS key is of use only with --sse aws:kms")
        if self.storage_class and not _CLASS.fullmatch(self.storage_class):
            raise UsageError(
                f"{self.storage_class!r} is not a storage class", hint="Write one like STANDARD_IA."
            )
        if self.sse_kms_key_id and not _KEY_ID.fullmatch(self.sse_kms_key_id):
            raise UsageError(f"{self.sse_kms_key_id!r} is not the id of a key")

    @property
    def headers(self) -> Headers:
        """Of every object that is written."""
        wanted = (
            ("x-amz-server-side-encryption", self.sse),
            ("x-amz-server-side-encryption-aws-kms-key-id", self.sse_kms_key_id),
        )
        return tuple((name, value) for name, value in wanted if value)

    @property
    def blob_headers(self) -> Headers:
        """Of blobs: those that a service has to take."""
        named = ((_CLASS_HEADER, self.storage_class),) if self.storage_class else ()
        return (("content-type", "application/octet-stream"), *named, *self.headers)

    @property
    def blob_preferences(self) -> Headers:
        """Of blobs: those that it need not take."""
        return () if self.storage_class else ((_CLASS_HEADER, BLOB_CLASS),)

    def kept_preferences(self, storage_class: str) -> Headers:
        """The same of one that is copied: the class that it has where it comes from."""
        is_named = bool(self.storage_class) or storage_class == "STANDARD"
        return () if is_named else ((_CLASS_HEADER, storage_class),)
