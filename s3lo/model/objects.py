"""Objects: what a store says of what it holds, and the requests and answers that say it.

``Request`` and ``Response`` are S3's REST exchange as plain data, so that what means something
(``bucket``) need not know what moves it (``engine``, or botocore where that cannot).
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote

from msgspec import Struct, field


class ObjectInfo(Struct, frozen=True):
    """What is known of a stored object without reading it."""

    key: str
    size: int
    etag: str = ""
    last_modified: datetime.datetime | None = None
    storage_class: str = "STANDARD"


class Content(Struct, frozen=True):
    """An object's bytes, and the ETag by which a later write can ask that they are still there."""

    body: bytes
    etag: str


class Level(Struct, frozen=True):
    """What lies directly below a prefix: objects, and prefixes of more, ending in a slash."""

    objects: tuple[ObjectInfo, ...]
    folders: tuple[str, ...]


class Unfinished(Struct, frozen=True):
    """What was begun to be written and never completed: a multipart upload; in a directory, a file
    that its process left behind."""

    key: str
    """What it was to become; in a directory nobody knows that, and it is the file's own name."""
    upload_id: str
    started: datetime.datetime | None
    size_bytes: int | None = None
    """None where the listing does not tell."""


class Undeleted(Struct, frozen=True):
    """A key that could not be deleted, and why."""

    key: str
    code: str
    message: str


class Request(Struct, frozen=True):
    """One S3 request. ``key`` is empty for a request to the bucket itself."""

    method: str
    operation: str
    key: str = ""
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    patience_seconds: float = 0.0
    """How long the service may be silent, where it has more to do than usual before it answers."""

    @property
    def query_string(self) -> str:
        """Percent-encoded as signature version 4 wants it (RFC 3986, sorted by name)."""
        pairs = (f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(self.query))
        return "&".join(pairs)

    @property
    def encoded_key(self) -> str:
        return encoded(self.key)


def encoded(key: str) -> str:
    """A key as it stands in paths, percent-encoded but for its slashes."""
    return quote(key, safe="/-_.~")


class Response(Struct, frozen=True):
    """The answer, whatever its status; header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Wire(Protocol):
    """Sends one request and returns the answer.

    Signs, follows no redirect, does not retry. Raises ServiceError only where no answer came.
    """

    def send(self, request: Request) -> Response: ...

    def set_region(self, region: str) -> None:
        """Sign and connect for this region from now on."""

    def close(self) -> None: ...


class Credentials(Struct, frozen=True):
    """AWS credentials. ``expires_at`` is a POSIX time in seconds, None where they do not expire."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    expires_at: float | None = None

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"Credentials({self.access_key_id!r}, expires_at={self.expires_at})"


class Endpoint(Struct, frozen=True):
    """Where a bucket is reached: everything needed to address and to trust it, and no secret."""

    bucket: str
    region: str
    url: str = ""
    """A custom endpoint, ``http://host:port``; empty for AWS itself."""
    path_style: bool = False
    ca_bundle: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """Of every request."""

    @property
    def is_tls(self) -> bool:
        return not self.url.startswith("http://")

    @property
    def host(self) -> str:
        """The ``Host`` header: virtual-hosted, or the endpoint's own for path style."""
        base = self.url.partition("://")[2].rstrip("/") or f"s3.{self._domain}"
        return base if self.path_style else f"{self.bucket}.{base}"

    @property
    def _domain(self) -> str:
        suffix = ".cn" if self.region.startswith("cn-") else ""
        return f"{self.region}.amazonaws.com{suffix}"

    def path(self, request: Request) -> str:
        """Path and query of a request to this bucket."""
        prefix = f"/{self.bucket}" if self.path_style else ""
        query = request.query_string
        return f"{prefix}/{request.encoded_key}" + (f"?{query}" if query else "")
