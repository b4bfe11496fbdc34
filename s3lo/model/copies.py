"""Copies: the requests by which a service copies objects by itself (CopyObject and UploadPartCopy in
the Amazon S3 API reference), and what the answers say. No byte of an object is in them."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from s3lo.errors import ServiceError
from s3lo.model import xml
from s3lo.model.objects import Request, encoded

Headers = tuple[tuple[str, str], ...]

PATIENCE_SECONDS = 30.0
"""S3 begins to answer at once, whatever it has to copy; others do when they have copied it."""


class CopySource(Struct, frozen=True):
    """An object as it was when it was looked at."""

    bucket: str
    key: str
    size: int
    etag: str = ""

    @property
    def headers(self) -> Headers:
        """What is to be copied, and that it has to be what it was."""
        is_same = (("x-amz-copy-source-if-match", f'"{self.etag}"'),) if self.etag else ()
        return (("x-amz-copy-source", f"/{self.bucket}/{encoded(self.key)}"), *is_same)


class Stretch(Struct, frozen=True):
    """Bytes of the source that become one part: from ``start`` up to ``end``."""

    number: int
    start: int
    end: int


def stretches(size: int, part_bytes: int) -> Iterator[Stretch]:
    """An object, cut into parts that follow one another."""
    for number, start in enumerate(range(0, size, part_bytes), 1):
        yield Stretch(number, start, min(size, start + part_bytes))


def copy_object(source: CopySource, headers: Headers) -> Request:
    """CopyObject, to the same key: at most 5 GiB; metadata and tags come along."""
    return Request(
        "PUT",
        "CopyObject",
        source.key,
        headers=(*source.headers, *headers),
        body=b"",
        patience_seconds=PATIENCE_SECONDS,
    )


def copy_part(source: CopySource, upload: str, stretch: Stretch) -> Request:
    """UploadPartCopy, to the same key."""
    wanted = ("x-amz-copy-source-range", f"bytes={stretch.start}-{stretch.end - 1}")
    return Request(
        "PUT",
        "UploadPartCopy",
        source.key,
        (("partNumber", str(stretch.number)), ("uploadId", upload)),
        (*source.headers, wanted),
        b"",
        PATIENCE_SECONDS,
    )


def part_etag(answer: bytes) -> str:
    """The ETag of a part that was copied; raises ServiceError where the answer has none."""
    etag = xml.text(xml.parse(answer, "CopyPartResult"), "ETag")
    if not etag:
        raise ServiceError("the service does not say what it made of a part")
    return etag
