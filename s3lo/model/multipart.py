"""Multipart uploads: their four requests (Amazon S3 API reference)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape, unescape

from s3lo.model.objects import Request

_UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def begin(key: str, headers: tuple[tuple[str, str], ...]) -> Request:
    """CreateMultipartUpload: storage class, content type and so on are said here, once."""
    return Request("POST", "CreateMultipartUpload", key, (("uploads", ""),), headers)


def upload_id(answer: bytes) -> str:
    """The upload id that CreateMultipartUpload answered with; empty where there is none."""
    found = _UPLOAD_ID.search(answer)
    return unescape(found.group(1).decode()) if found else ""


def put_part(key: str, upload: str, number: int) -> Request:
    """UploadPart; numbers run from 1 to 10,000."""
    return Request("PUT", "UploadPart", key, (("partNumber", str(number)), ("uploadId", upload)))


def finish(key: str, upload: str, parts: Iterable[tuple[int, str]]) -> Request:
    """CompleteMultipartUpload with parts as (number, ETag), in ascending order."""
    listed = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>"
        for number, etag in parts
    )
    body = f'<CompleteMultipartUpload xmlns="{_NAMESPACE}">{listed}</CompleteMultipartUpload>'
    return Request(
        "POST",
        "CompleteMultipartUpload",
        key,
        (("uploadId", upload),),
        (("content-type", "application/xml"),),
        body.encode(),
    )


def abort(key: str, upload: str) -> Request:
    """AbortMultipartUpload: its parts are dropped."""
    return Request("DELETE", "AbortMultipartUpload", key, (("uploadId", upload),))
