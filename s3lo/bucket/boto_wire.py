"""Boto wire: S3 requests through botocore's signer and connections, and boto3's S3 client.

For machines where awscrt is not usable. Importing this module imports botocore.
"""

from __future__ import annotations

import threading
from typing import Any

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import botocore.httpsession
import botocore.utils
from msgspec.structs import replace

from s3lo.backoff import ATTEMPTS
from s3lo.bucket.credentials import RENEW_BEFORE_SECONDS, CredentialsSource
from s3lo.errors import ServiceError
from s3lo.model.objects import Credentials, Endpoint, Request, Response
from s3lo.model.s3_errors import UntrustedEndpoint

_TIMEOUT_SECONDS = (10.0, 60.0)
"""To connect, and between two reads."""


class BotoWire:
    """A Wire over botocore. Safe to use from several threads."""

    def __init__(
        self, endpoint: Endpoint, credentials: CredentialsSource, *, connections: int = 16
    ) -> None:
        self.endpoint = endpoint
        self._credentials = credentials
        self._connections = connections
        self._session: Any = None
        self._lock = threading.Lock()

    def send(self, request: Request) -> Response:
        endpoint = self.endpoint
        what = f"s3://{endpoint.bucket}/{request.key}"
        prepared = _signed(endpoint, request, self._credentials())
        try:
            answer = self._connected().send(prepared)
        except botocore.exceptions.SSLError as error:
            raise UntrustedEndpoint(f"no trusted TLS connection for {what}: {error}") from error
        except botocore.exceptions.HTTPClientError as error:
            raise ServiceError(f"no answer for {what}: {error}") from error
        return _response(request, answer, what)

    def set_region(self, region: str) -> None:
        self.endpoint = replace(self.endpoint, region=region)

    def close(self) -> None:
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None

    def _connected(self) -> Any:
        with self._lock:
            if self._session is None:
                self._session = botocore.httpsession.URLLib3Session(
                    verify=_trust(self.endpoint),
                    proxies=botocore.utils.get_environ_proxies(_base_url(self.endpoint)),
                    timeout=_TIMEOUT_SECONDS,
                    max_pool_connections=self._connections,
                )
            return self._session


def s3_client(endpoint: Endpoint, credentials: CredentialsSource, *, connections: int = 64) -> Any:
    """A boto3 S3 client for one bucket, as s3transfer wants it.

    Checksums are sent and checked only where S3 insists: not every endpoint knows them.
    """
    import boto3
    import botocore.session
    from botocore.config import Config

    current = credentials()
    session = botocore.session.Session()
    if current is not None:
        # boto3 takes credentials that renew themselves in no other way.
        session._credentials = _renewing(current, credentials)
    config = Config(
        s3={"addressing_style": "path" if endpoint.path_style else "virtual"},
        signature_version=None if current else botocore.UNSIGNED,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=connections,
        ignore_configured_endpoint_urls=True,
    )
    client = boto3.session.Session(botocore_session=session).client(
        "s3",
        region_name=endpoint.region,
        endpoint_url=endpoint.url or None,
        verify=_trust(endpoint),
        config=config,
    )

    def complete(request: Any, **_: Any) -> None:
        for name, value in endpoint.headers:
            request.headers[name] = value

    client.meta.events.register("before-sign.s3", complete)
    return client


def _renewing(current: Credentials, source: CredentialsSource) -> Any:
    if current.expires_at is None:
        return _keys(current)
    return botocore.credentials.RefreshableCredentials.create_from_metadata(
        _metadata(current),
        refresh_using=lambda: _metadata(source()),
        method="s3lo",
        # After the source's own renewal, so that asking it gives something new.
        advisory_timeout=RENEW_BEFORE_SECONDS - 30,
        mandatory_timeout=RENEW_BEFORE_SECONDS - 60,
    )


def _metadata(current: Credentials | None) -> dict[str, Any]:
    import datetime

    assert current is not None and current.expires_at is not None
    expiry = datetime.datetime.fromtimestamp(current.expires_at, datetime.timezone.utc)
    return {
        "access_key": current.access_key_id,
        "secret_key": current.secret_access_key,
        "token": current.session_token,
        "expiry_time": expiry.isoformat(),
    }


def _keys(current: Credentials) -> Any:
    return botocore.credentials.Credentials(
        current.access_key_id, current.secret_access_key, current.session_token
    )


def _trust(endpoint: Endpoint) -> str | bool:
    return endpoint.ca_bundle or True


def _base_url(endpoint: Endpoint) -> str:
    return f"{'https' if endpoint.is_tls else 'http'}://{endpoint.host}"


def _signed(endpoint: Endpoint, request: Request, credentials: Credentials | None) -> Any:
    unsigned = botocore.awsrequest.AWSRequest(
        method=request.method,
        url=_base_url(endpoint) + endpoint.path(request),
        headers=dict((*endpoint.headers, *request.headers)),
        data=request.body or b"",
    )
    if credentials is not None:
        signer = botocore.auth.S3SigV4Auth(_keys(credentials), "s3", endpoint.region)
        signer.add_auth(unsigned)
    return unsigned.prepare()


def _response(request: Request, answer: Any, what: str) -> Response:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    body: bytes = answer.content
    length = headers.get("content-length", "")
    # botocore's connections do not notice when a body ends early.
    if request.method != "HEAD" and length.isdecimal() and int(length) != len(body):
        raise ServiceError(f"the answer for {what} was cut off")
    return Response(answer.status_code, headers, body)
