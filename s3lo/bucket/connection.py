"""Connection: where and as whom a bucket is reached: flags before variables before the profile."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from msgspec import Struct

from s3lo.bucket import aws_config, region
from s3lo.bucket.aws_config import AwsConfig
from s3lo.bucket.credentials import CredentialsSource, credentials_source
from s3lo.bucket.options import ConnectionOptions
from s3lo.errors import LocalError, UsageError
from s3lo.model.objects import Endpoint

_USERINFO = re.compile(r"\A([a-z][a-z0-9+.-]*://)?.*@", re.IGNORECASE | re.DOTALL)
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")


class Connection(Struct, frozen=True):
    """Everything it takes to talk to one bucket."""

    endpoint: Endpoint
    credentials: CredentialsSource


def connect(bucket: str, options: ConnectionOptions) -> Connection:
    """Work out endpoint and credentials; asks S3 for the region where nothing names one.

    A custom endpoint is spoken to in path style and in us-east-1 unless told otherwise. Raises
    UsageError for settings that make no sense, AccessDeniedError for a missing profile, LocalError
    for a CA bundle that cannot be read, NotFoundError where the region was asked for and there is
    no such bucket.
    """
    config = aws_config.load(options.profile)
    url = check_endpoint_url(options.endpoint_url or config.endpoint_url)
    ca_bundle = _check_ca_bundle(options.ca_bundle or config.ca_bundle)
    named = options.region or config.region
    if named and not _REGION.match(named):
        raise UsageError(f"{named!r} is not a region", hint="Write one like eu-central-1.")
    if not named:
        named = region.DEFAULT_REGION if url else region.discover(bucket, ca_bundle=ca_bundle)
    is_path_style = _is_path_style(bucket, url, config)
    payer = (("x-amz-request-payer", options.request_payer),) if options.request_payer else ()
    endpoint = Endpoint(bucket, named, url, is_path_style, ca_bundle, payer)
    return Connection(endpoint, credentials_source(options, config))


def check_endpoint_url(url: str) -> str:
    """An endpoint URL without its closing slash; raises UsageError where it cannot be one."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        is_usable = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
            and parts.path in ("", "/")
            and not (parts.query or parts.fragment or "@" in parts.netloc)
            and not re.search(r"[\s\\\0]", url)
        )
    except ValueError:
        is_usable = False
    if not is_usable:
        raise UsageError(
            f"{_without_secrets(url)!r} is not an endpoint URL",
            hint="Write http://host:port or https://host.",
        )
    return f"{parts.scheme}://{parts.netloc}"


def _without_secrets(url: str) -> str:
    """What may be shown and logged of a URL, well formed or not: no user and no password."""
    return _USERINFO.sub(r"\1***@", url)


def _check_ca_bundle(path: str) -> str:
    if path and not os.access(path, os.R_OK):
        raise LocalError(
            f"cannot read the CA bundle {path}", hint="Check --ca-bundle and AWS_CA_BUNDLE."
        )
    return path


def _is_path_style(bucket: str, url: str, config: AwsConfig) -> bool:
    """Whether the bucket is named in the path.

    AWS's certificates cover one label before ``s3.``, so a bucket with dots has to be; and a custom
    endpoint seldom has a DNS name for each of its buckets.
    """
    style = config.addressing_style
    if style in ("path", "virtual"):
        return style == "path"
    return bool(url) or "." in bucket
