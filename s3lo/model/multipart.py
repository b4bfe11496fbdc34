"""Multipart uploads: their requests, and what the answers say (Amazon S3 API reference)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from s3lo.model import xml
from s3lo.model.objects import Request

_UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")
CHECKSUM = "CRC64NVME"
"""What parts carry: S3 checks each part against it, and the whole object as well."""
_CHECKSUM_HEADER = "x-amz-checksum-crc64nvme"


class StoredPart(Struct, frozen=True):
    """A part that is stored: its ETag and, where it carried one, its checksum (base64)."""

    number: int
    etag: str
    checksum: str = ""
    size: int = 0
    """In bytes, where it was listed."""


class OpenUpload(Struct, frozen=True):
    """A multipart upload that was neither completed nor aborted. What the service does not say of
    it is empty."""

    upload_id: str
    initiated: str
    """When, in ISO 8601."""
    checksum: str = ""
    """The algorithm that its parts carry."""
    storage_class: str = ""


def begin(key: str, headers: tuple[tuple[str, str], ...], *, is_checked: bool) -> Request:
    """CreateMultipartUpload: storage class, content type and so on are said here, once."""
    if is_checked:
        named = (("x-amz-checksum-algorithm", CHECKSUM), ("x-amz-checksum-type", "FULL_OBJECT"))
        headers = (*headers, *named)
    return Request("POST", "CreateMultipartUpload", key, (("uploads", ""),), headers)


def upload_id(answer: bytes) -> str:
    """The upload id that CreateMultipartUpload answered with; empty where there is none."""
    from html import unescape

    found = _UPLOAD_ID.search(answer)
    return unescape(found.group(1).decode()) if found else ""


def put_part(key: str, upload: str, number: int, checksum: str = "") -> Request:
    """UploadPart; numbers run from 1 to 10,000, ``checksum`` is base64."""
    query = (("partNumber", str(number)), ("uploadId", upload))
    headers = ((_CHECKSUM_HEADER, checksum),) if checksum else ()
    return Request("PUT", "UploadPart", key, query, headers)


def finish(
    key: str, upload: str, parts: Iterable[StoredPart], headers: tuple[tuple[str, str], ...] = ()
) -> Request:
    """CompleteMultipartUpload with its parts in ascending order."""
    from html import escape

    listed = "".join(_listed(part, escape(part.etag)) for part in parts)
    body = f'<CompleteMultipartUpload xmlns="{xml.NAMESPACE}">{listed}</CompleteMultipartUpload>'
    return Request(
        "POST",
        "CompleteMultipartUpload",
        key,
        (("uploadId", upload),),
        (("content-type", "application/xml"), *headers),
        body.encode(),
    )


def _listed(part: StoredPart, etag: str) -> str:
    checksum = f"<Checksum{CHECKSUM}>{part.checksum}</Checksum{CHECKSUM}>" if part.checksum else ""
    number = f"<PartNumber>{part.number}</PartNumber>"
    return f"<Part>{number}<ETag>{etag}</ETag>{checksum}</Part>"


def abort(key: str, upload: str) -> Request:
    """AbortMultipartUpload: its parts are dropped."""
    return Request("DELETE", "AbortMultipartUpload", key, (("uploadId", upload),))


def list_uploads(prefix: str, after: tuple[str, str] = ("", "")) -> Request:
    """ListMultipartUploads: those of keys that begin so, after a key and an upload of it."""
    query = [("prefix", prefix), ("uploads", "")]
    if any(after):
        query += zip(("key-marker", "upload-id-marker"), after, strict=True)
    return Request("GET", "ListMultipartUploads", query=tuple(query))


def read_uploads(answer: bytes, key: str) -> tuple[OpenUpload, ...]:
    """The uploads of one key; raises ServiceError where the answer is no list of any."""
    root = xml.parse(answer, "ListMultipartUploadsResult")
    return tuple(
        OpenUpload(
            xml.text(entry, "UploadId"),
            xml.text(entry, "Initiated"),
            xml.text(entry, "ChecksumAlgorithm"),
            xml.text(entry, "StorageClass"),
        )
        for entry in xml.children(root, "Upload")
        if xml.text(entry, "Key") == key
    )


def list_parts(key: str, upload: str, after: int = 0) -> Request:
    """ListParts: those whose numbers come after one; at most 1,000 at once."""
    query = (("uploadId", upload), *((("part-number-marker", str(after)),) if after else ()))
    return Request("GET", "ListParts", key, query)


def read_parts(answer: bytes) -> tuple[tuple[StoredPart, ...], int]:
    """The parts, and after which number more of them are to be asked for (0: there are no more).

    Raises ServiceError where the answer is no list of parts.
    """
    root = xml.parse(answer, "ListPartsResult")
    parts = tuple(
        StoredPart(
            xml.number(entry, "PartNumber"),
            xml.text(entry, "ETag"),
            xml.text(entry, f"Checksum{CHECKSUM}"),
            xml.number(entry, "Size"),
        )
        for entry in xml.children(root, "Part")
    )
    is_cut = xml.text(root, "IsTruncated") == "true" and bool(parts)
    return parts, parts[-1].number if is_cut else 0
