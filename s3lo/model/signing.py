"""Signing: AWS Signature Version 4 in headers.

By the IAM user guide, "Create a signed AWS API request". S3 encodes a path once; what must be signed
is ``host``, ``content-type`` and every ``x-amz-`` header, and other headers may change on their way.
Bodies are not signed, as awscrt does not sign them either: that would be one more hash of everything,
and what is stored is checked by checksums of its own.
"""

from __future__ import annotations

import hmac
import time
from functools import lru_cache
from hashlib import sha256

from s3lo.model.objects import Credentials, Endpoint, Request

Headers = tuple[tuple[str, str], ...]

_ALGORITHM = "AWS4-HMAC-SHA256"
_NO_BODY = sha256(b"").hexdigest()
_ANY_BODY = "UNSIGNED-PAYLOAD"
_SERVICE = "s3"


def signed_headers(
    request: Request,
    endpoint: Endpoint,
    credentials: Credentials | None,
    now: float | None = None,
    *,
    has_body: bool = False,
) -> Headers:
    """The request's headers with host and, unless anonymous, with its signature.

    ``now`` is a POSIX time in seconds, by default this moment. ``has_body``: one is sent with it.
    """
    host = ("host", endpoint.host)
    headers = (*endpoint.headers, *request.headers)
    if credentials is None:
        return (host, *headers)
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    payload = _ANY_BODY if has_body else _NO_BODY
    added = [("x-amz-content-sha256", payload), ("x-amz-date", moment)]
    if credentials.session_token:
        added.append(("x-amz-security-token", credentials.session_token))
    signed = [header for header in headers if _is_signed(header[0])]
    canonical = sorted([host, *added, *signed])
    names = ";".join(name for name, _ in canonical)
    scope = f"{moment[:8]}/{endpoint.region}/{_SERVICE}/aws4_request"
    text = _canonical_request(request, endpoint, canonical, names, payload)
    to_sign = "\n".join((_ALGORITHM, moment, scope, sha256(text.encode()).hexdigest()))
    key = _signing_key(credentials.secret_access_key, moment[:8], endpoint.region)
    signature = hmac.new(key, to_sign.encode(), sha256).hexdigest()
    authorization = (
        f"{_ALGORITHM} Credential={credentials.access_key_id}/{scope},"
        f" SignedHeaders={names}, Signature={signature}"
    )
    return (host, *headers, *added, ("authorization", authorization))


def _is_signed(name: str) -> bool:
    return name.startswith("x-amz-") or name == "content-type"


def _canonical_request(
    request: Request, endpoint: Endpoint, headers: list[tuple[str, str]], names: str, payload: str
) -> str:
    path, _, query = endpoint.path(request).partition("?")
    lines = "".join(f"{name}:{value.strip()}\n" for name, value in headers)
    return "\n".join((request.method, path, query, lines, names, payload))


@lru_cache(maxsize=8)
def _signing_key(secret: str, day: str, region: str) -> bytes:
    """Good for a day, a region and a service; made of four HMACs, so kept."""
    key = f"AWS4{secret}".encode()
    for step in (day, region, _SERVICE, "aws4_request"):
        key = hmac.new(key, step.encode(), sha256).digest()
    return key
