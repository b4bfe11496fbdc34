"""XML: reading S3's documents. ElementTree is imported when it is needed: a pull needs none of this."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from s3lo.errors import ServiceError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def parse(body: bytes, wanted: str) -> Element:
    """The root of a document of the ``wanted`` kind; raises ServiceError where it is none."""
    from xml.etree.ElementTree import ParseError, fromstring

    try:
        root = fromstring(body)
    except (ParseError, ValueError) as error:
        raise ServiceError(f"the service answered with malformed XML: {error}") from error
    if _name(root) != wanted:
        raise ServiceError(f"the service answered with {_name(root)} instead of {wanted}")
    return root


def children(parent: Element, name: str) -> Iterator[Element]:
    return (child for child in parent if _name(child) == name)


def text(parent: Element, name: str) -> str:
    """What stands in the first child of a name; empty where there is none."""
    return next((child.text or "" for child in children(parent, name)), "")


def texts(parent: Element) -> dict[str, str]:
    """What stands in each child, by its name: for parents of which there are many."""
    return {_name(child): child.text or "" for child in parent}


def number(parent: Element, name: str) -> int:
    """The same as a number; raises ServiceError where it is none."""
    written = text(parent, name)
    if not written.isdecimal():
        raise ServiceError(f"the service answered with {name} {written!r}, which is no number")
    return int(written)


def _name(element: Element) -> str:
    """An element's name without its namespace, which some services leave out."""
    return element.tag.rpartition("}")[2]
