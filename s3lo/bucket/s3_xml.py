"""S3 XML: the few documents of S3's REST interface that this project reads and writes.

Amazon S3 API reference: ListObjectsV2, DeleteObjects. ElementTree is imported when it is needed:
a pull needs none of this.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from msgspec import Struct

from s3lo.errors import ServiceError
from s3lo.model.objects import ObjectInfo

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class Page(Struct, frozen=True):
    """One page of a listing; ``next_token`` is empty on the last."""

    objects: tuple[ObjectInfo, ...]
    next_token: str


class Undeleted(Struct, frozen=True):
    """A key that DeleteObjects could not remove, and why."""

    key: str
    code: str
    message: str


def read_page(body: bytes) -> Page:
    """Read a ListBucketResult; raises ServiceError where it is none."""
    root = _parse(body, "ListBucketResult")
    is_encoded = _text(root, "EncodingType") == "url"
    objects = tuple(_object(entry, is_encoded) for entry in _all(root, "Contents"))
    token = _text(root, "NextContinuationToken")
    is_cut = _text(root, "IsTruncated") == "true"
    if is_cut and not token:
        raise ServiceError("the service cut a listing short and does not say how to go on")
    return Page(objects, token if is_cut else "")


def write_delete(keys: Sequence[str]) -> bytes:
    """A Delete document that asks for an answer about failures only."""
    from xml.etree.ElementTree import Element, SubElement, tostring

    root = Element("Delete", xmlns=_NAMESPACE)
    for key in keys:
        SubElement(SubElement(root, "Object"), "Key").text = key
    SubElement(root, "Quiet").text = "true"
    content: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def read_undeleted(body: bytes) -> list[Undeleted]:
    """Read a DeleteResult's errors; raises ServiceError where it is none."""
    if not body.strip():
        return []
    root = _parse(body, "DeleteResult")
    return [
        Undeleted(_text(entry, "Key"), _text(entry, "Code"), _text(entry, "Message"))
        for entry in _all(root, "Error")
    ]


def _object(entry: Element, is_encoded: bool) -> ObjectInfo:
    key = _text(entry, "Key")
    try:
        modified = datetime.datetime.fromisoformat(
            _text(entry, "LastModified").replace("Z", "+00:00")
        )
        size = int(_text(entry, "Size"))
    except ValueError as error:
        raise ServiceError(f"the service lists {key!r} with a malformed field: {error}") from error
    return ObjectInfo(
        unquote_plus(key) if is_encoded else key,
        size,
        _text(entry, "ETag").strip('"'),
        modified,
        _text(entry, "StorageClass") or "STANDARD",
    )


def _parse(body: bytes, wanted: str) -> Element:
    from xml.etree.ElementTree import ParseError, fromstring

    try:
        root = fromstring(body)
    except (ParseError, ValueError) as error:
        raise ServiceError(f"the service answered with malformed XML: {error}") from error
    if _name(root) != wanted:
        raise ServiceError(f"the service answered with {_name(root)} instead of {wanted}")
    return root


def _name(element: Element) -> str:
    """An element's name without its namespace, which some services leave out."""
    return element.tag.rpartition("}")[2]


def _all(parent: Element, name: str) -> Iterator[Element]:
    return (child for child in parent if _name(child) == name)


def _text(parent: Element, name: str) -> str:
    return next((child.text or "" for child in _all(parent, name)), "")
