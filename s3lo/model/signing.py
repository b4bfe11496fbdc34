"""Signing: AWS Signature Version 4 in headers, for requests without a body.

By the IAM user guide, "Create a signed AWS API request". S3 encodes a path once; what must be signed
is ``host`` and every ``x-amz-`` header, and other headers may change on their way.
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
_SERVICE = "s3"


def signed_headers(
    request: Request, endpoint: Endpoint, credentials: Credentials | None, now: float | None = None
) -> Headers:
    """The request's headers with host and, unless anonymous, with its signature.

    ``now`` is a POSIX time in seconds, by default this moment.
    """
    host = ("host", endpoint.host)
    if credentials is None:
        return (host, *request.headers)
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    added = [("x-amz-content-sha256", _NO_BODY), ("x-amz-date", moment)]
    if credentials.session_token:
        added.append(("x-amz-security-token", credentials.session_token))
    amz = [(name, value) for name, value in request.headers if name.startswith("x-amz-")]
    canonical = sorted([host, *added, *amz])
    names = ";".join(name for name, _ in canonical)
    scope = f"{moment[:8]}/{endpoint.region}/{_SERVICE}/aws4_request"
    text = _canonical_request(request, endpoint, canonical, names)
    to_sign = "\n".join((_ALGORITHM, moment, scope, sha256(text.encode()).hexdigest()))
    key = _signing_key(credentials.secret_access_key, moment[:8], endpoint.region)
    signature = hmac.new(key, to_sign.encode(), sha256).hexdigest()
    authorization = (
        f"{_ALGORITHM} Credential={credentials.access_key_id}/{scope},"
        f" SignedHeaders={names}, Signature={signature}"
    )
    return (host, *request.headers, *added, ("authorization", authorization))


def _canonical_request(
    request: Request, endpoint: Endpoint, headers: list[tuple[str, str]], names: str
) -> str:
    path, _, query = endpoint.path(request).partition("?")
    lines = "".join(f"{name}:{value.strip()}\n" for name, value in headers)
    return "\n".join((request.method, path, query, lines, names, _NO_BODY))


@lru_cache(maxsize=8)
def _signing_key(secret: str, day: str, region: str) -> bytes:
    """Good for a day, a region and a service; made of four HMACs, so kept."""
    key = f"AWS4{secret}".encode()
    for step in (day, region, _SERVICE, "aws4_request"):
        key = hmac.new(key, step.encode(), sha256).digest()
    return key
