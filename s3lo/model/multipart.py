"""Multipart uploads: their four requests (Amazon S3 API reference)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from s3lo.model.objects import Request

_UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")
CHECKSUM = "CRC64NVME"
"""What parts carry: S3 checks each part against it, and the whole object as well."""
_CHECKSUM_HEADER = "x-amz-checksum-crc64nvme"
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class StoredPart(Struct, frozen=True):
    """A part that is stored: its ETag and, where it carried one, its checksum (base64)."""

    number: int
    etag: str
    checksum: str = ""


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
    body = f'<CompleteMultipartUpload xmlns="{_NAMESPACE}">{listed}</CompleteMultipartUpload>'
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
