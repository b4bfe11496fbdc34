"""S3 XML: the few documents of S3's REST interface that this project reads and writes.

Amazon S3 API reference: ListObjectsV2, ListMultipartUploads, DeleteObjects.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

import msgspec
from msgspec import Struct

from s3lo.errors import ServiceError
from s3lo.model import xml
from s3lo.model.objects import ObjectInfo, Undeleted, Unfinished

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_USUAL = re.compile(
    r"<Contents><Key>([^<&]+)</Key><LastModified>([^<&]+)</LastModified><ETag>([^<]*)</ETag>"
    r"(?:<Checksum[AT][a-z]*>[^<]*</Checksum[AT][a-z]*>)*<Size>([0-9]+)</Size>"
    r"(?:<Owner>(?:<[A-Za-z]+>[^<]*</[A-Za-z]+>)*</Owner>)?"
    r"<StorageClass>([A-Z_]+)</StorageClass></Contents>"
)
"""An object as most services write it. A page of a thousand takes 1 ms to read like this, and 3.5 ms
where an element is made of each; a long listing is many pages, and all of them wait for one CPU."""
_Moments = list[datetime.datetime]


class Page(Struct, frozen=True):
    """One page of a listing; ``next_token`` is empty on the last."""

    objects: tuple[ObjectInfo, ...]
    folders: tuple[str, ...]
    next_token: str


class UploadsPage(Struct, frozen=True):
    """One page of the multipart uploads that are open; ``next_marker`` is empty on the last."""

    uploads: tuple[Unfinished, ...]
    next_marker: tuple[str, str]


def read_page(body: bytes) -> Page:
    """Read a ListBucketResult; raises ServiceError where it is none."""
    around, fields = _divided(body)
    root = xml.parse(around, "ListBucketResult")
    is_encoded = xml.text(root, "EncodingType") == "url"
    objects = _usual_objects(fields, is_encoded)
    if objects is None or any(xml.children(root, "Contents")):  # written in another way
        whole = root if around == body else xml.parse(body, "ListBucketResult")
        entries = xml.children(whole, "Contents")
        objects = tuple(_object(entry, is_encoded) for entry in entries)
    folders = tuple(
        _key(xml.text(entry, "Prefix"), is_encoded)
        for entry in xml.children(root, "CommonPrefixes")
    )
    token = xml.text(root, "NextContinuationToken")
    is_cut = xml.text(root, "IsTruncated") == "true"
    if is_cut and not token:
        raise ServiceError("the service cut a listing short and does not say how to go on")
    return Page(objects, folders, token if is_cut else "")


def read_uploads_page(body: bytes) -> UploadsPage:
    """Read a ListMultipartUploadsResult; raises ServiceError where it is none."""
    root = xml.parse(body, "ListMultipartUploadsResult")
    uploads = tuple(
        Unfinished(
            xml.text(entry, "Key"),
            xml.text(entry, "UploadId"),
            _moment(xml.text(entry, "Initiated"), xml.text(entry, "Key")),
        )
        for entry in xml.children(root, "Upload")
    )
    marker = xml.text(root, "NextKeyMarker"), xml.text(root, "NextUploadIdMarker")
    is_cut = xml.text(root, "IsTruncated") == "true"
    if is_cut and not any(marker):
        raise ServiceError("the service cut a listing short and does not say how to go on")
    return UploadsPage(uploads, marker if is_cut else ("", ""))


def write_delete(keys: Sequence[str]) -> bytes:
    """A Delete document that asks for an answer about failures only."""
    from xml.etree.ElementTree import Element, SubElement, tostring

    root = Element("Delete", xmlns=xml.NAMESPACE)
    for key in keys:
        SubElement(SubElement(root, "Object"), "Key").text = key
    SubElement(root, "Quiet").text = "true"
    content: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def read_undeleted(body: bytes) -> list[Undeleted]:
    """Read a DeleteResult's errors; raises ServiceError where it is none."""
    if not body.strip():
        return []
    root = xml.parse(body, "DeleteResult")
    return [
        Undeleted(xml.text(entry, "Key"), xml.text(entry, "Code"), xml.text(entry, "Message"))
        for entry in xml.children(root, "Error")
    ]


def _divided(body: bytes) -> tuple[bytes, Sequence[Sequence[str]]]:
    """A page without the objects that are written as usual, and these: a column for each field."""
    try:
        pieces = _USUAL.split(body.decode())
    except UnicodeDecodeError:  # not in UTF-8: for a parser to look at
        return body, [[]] * _USUAL.groups
    step = _USUAL.groups + 1
    return "".join(pieces[::step]).encode(), [pieces[n::step] for n in range(1, step)]


def _usual_objects(
    fields: Sequence[Sequence[str]], is_encoded: bool
) -> tuple[ObjectInfo, ...] | None:
    """None where a field is not what it should be."""
    keys, modified, etags, sizes, classes = fields
    try:
        moments = msgspec.convert(modified, _Moments)
    except msgspec.ValidationError:
        return None
    keys = [_key(key, is_encoded) for key in keys]
    etags = [etag.replace("&quot;", "").replace("&#34;", "").strip('"') for etag in etags]
    return tuple(map(ObjectInfo, keys, map(int, sizes), etags, moments, classes))


def _object(entry: Element, is_encoded: bool) -> ObjectInfo:
    fields = xml.texts(entry)
    key = fields.get("Key", "")
    try:
        size = int(fields.get("Size", ""))
    except ValueError as error:
        raise ServiceError(f"the service lists {key!r} with a malformed field: {error}") from error
    return ObjectInfo(
        _key(key, is_encoded),
        size,
        fields.get("ETag", "").strip('"'),
        _moment(fields.get("LastModified", ""), key),
        fields.get("StorageClass") or "STANDARD",
    )


def _moment(written: str, key: str) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(written.replace("Z", "+00:00"))
    except ValueError as error:
        raise ServiceError(f"the service lists {key!r} with a malformed field: {error}") from error


def _key(written: str, is_encoded: bool) -> str:
    return unquote_plus(written) if is_encoded else written
