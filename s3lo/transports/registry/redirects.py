"""Redirects: where answers send a request on to, mostly the storage that a registry keeps blobs in."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

from s3lo.errors import ServiceError
from s3lo.transports.registry.http import Answer

MOST_REDIRECTS = 10
_PORTS = {"http": 80, "https": 443}


def follow(send: Callable[[str], Answer], url: str) -> Answer:
    """The answer that is none; raises ServiceError where they lead round in a circle, too far, or to
    what is not HTTP. ``send`` decides by the URL what may be shown there."""
    seen = [url]
    while (answer := send(seen[-1])).redirect:
        answer.close()
        try:
            target = urljoin(seen[-1], answer.redirect)
            is_http = urlsplit(target).scheme in _PORTS and bool(urlsplit(target).hostname)
        except ValueError:
            is_http = False
        if not is_http:
            raise ServiceError(f"{answer.host} sends requests on to what is no address of HTTP")
        if target in seen:
            raise ServiceError(f"{answer.host} sends requests round in a circle")
        if len(seen) > MOST_REDIRECTS:
            raise ServiceError(
                f"{urlsplit(url).netloc} sends requests on more than {MOST_REDIRECTS} times"
            )
        seen.append(target)
    return answer


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port (RFC 6454): what is meant for one is shown to no other."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
