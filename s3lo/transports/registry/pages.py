"""Pages: answers that come in several, each naming the next (OCI distribution spec 1.1, "Listing
tags"; RFC 8288)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin

from s3lo.errors import ServiceError
from s3lo.transports.registry.session import Reply, Session

_MOST_PAGE_BYTES = 16 << 20
_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[\w*!-]+\s*=\s*(?:"[^"]*"|[^",;\s]+))*)')
_NEXT = re.compile(
    r';\s*rel\s*=\s*(?:"(?:[^"]* )?next(?: [^"]*)?"|next(?=[\s;]|\Z))', re.IGNORECASE
)


def pages(
    session: Session, path: str, what: str, *, accept: str = "", also: tuple[int, ...] = ()
) -> Iterator[Reply]:
    """Each page of an answer; raises as ``Session.fetch``, and ServiceError where they go round in a
    circle."""
    seen: set[str] = set()
    target = path
    while target:
        reply = session.fetch(target, what, accept=accept, most_bytes=_MOST_PAGE_BYTES, also=also)
        yield reply
        seen.update((target, reply.url))
        following = next_link(reply.headers.get("link", ""))
        target = urljoin(reply.url, following) if following else ""
        if target in seen:
            raise ServiceError(f"the pages of {what} go round in a circle")


def next_link(header: str) -> str:
    """Where the next page is, as ``Link`` says it; empty on the last."""
    links = (match.groups() for match in _LINK.finditer(header))
    return next((target for target, parameters in links if _NEXT.search(parameters)), "")
