"""Credentials: as whom a bucket is reached, found where the AWS CLI finds them, in its order.

Anonymous access, keys in the environment and plain keys in a profile need no botocore, which takes
half a second to import. Everything else (SSO, roles, processes, web identity, container, instance)
is left to botocore's own chain.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from s3lo.bucket.aws_config import AwsConfig
from s3lo.bucket.options import ConnectionOptions
from s3lo.errors import AccessDeniedError, S3loError, ServiceError
from s3lo.model.objects import Credentials

CredentialsSource = Callable[[], Credentials | None]
"""Gives credentials that are good for some minutes, None for anonymous access."""

RENEW_BEFORE_SECONDS = 300.0
TRY_EVERY_SECONDS = 30.0
"""How often, at most, a renewal is tried while the credentials at hand are still good."""

_NOWHERE = (
    "Name a profile (--profile or AWS_PROFILE), set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY,"
    " or use --no-sign-request for a public bucket."
)
_BEFORE_KEYS = (
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "sso_account_id",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
)
"""Settings of a profile that decide before its plain keys do, or may: botocore's to judge."""


def credentials_source(options: ConnectionOptions, config: AwsConfig) -> CredentialsSource:
    """Whom to be. Nothing is looked up, and no error raised, before the first call.

    A call raises AccessDeniedError where there are no credentials, ServiceError where the service
    that gives them does not answer. It may be made from any thread.
    """
    if options.no_sign_request:
        return lambda: None
    return _Cached(lambda: _find(options, config))


class _Cached:
    """Remembers credentials until five minutes before they expire.

    From then on they are renewed; but while they are good a renewal that fails, or that takes long,
    is no reason to stop, nor to ask the service for every request that is signed.
    """

    def __init__(self, find: Callable[[], CredentialsSource]) -> None:
        self._find = find
        self._renew: CredentialsSource | None = None
        self._current: Credentials | None = None
        self._next_try = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> Credentials | None:
        current = self._current
        if current is None or _ends_within(0, current):
            with self._lock:
                if self._current is current:  # no other thread was faster
                    self._current = self._renewed()
        elif self._is_due(current) and self._lock.acquire(blocking=False):
            try:
                self._try_to_renew(current)
            finally:
                self._lock.release()
        return self._current

    def _is_due(self, current: Credentials) -> bool:
        return time.monotonic() >= self._next_try and _ends_within(RENEW_BEFORE_SECONDS, current)

    def _try_to_renew(self, current: Credentials) -> None:
        if self._current is not current or not self._is_due(current):
            return
        self._next_try = time.monotonic() + TRY_EVERY_SECONDS
        with suppress(AccessDeniedError, ServiceError, OSError):
            self._current = self._renewed()

    def _renewed(self) -> Credentials | None:
        self._renew = self._renew or self._find()
        return self._renew()


def _ends_within(seconds: float, current: Credentials) -> bool:
    return current.expires_at is not None and time.time() > current.expires_at - seconds


def _find(options: ConnectionOptions, config: AwsConfig) -> CredentialsSource:
    found = _from_environment(options, config) or _from_profile(config)
    return (lambda: found) if found else _from_botocore(options)


def _from_environment(options: ConnectionOptions, config: AwsConfig) -> Credentials | None:
    """Keys in variables; a profile named on the command line goes before them, as in the CLI."""
    variables = config.environment
    if options.profile or not variables.get("AWS_ACCESS_KEY_ID"):
        return None
    if "AWS_CREDENTIAL_EXPIRATION" in variables:
        return None  # to be watched and refused when it is past: botocore's to judge
    return _keys(
        variables.get("AWS_ACCESS_KEY_ID"),
        variables.get("AWS_SECRET_ACCESS_KEY"),
        variables.get("AWS_SESSION_TOKEN") or variables.get("AWS_SECURITY_TOKEN"),
        "AWS_ACCESS_KEY_ID is set",
    )


def _from_profile(config: AwsConfig) -> Credentials | None:
    settings = config.settings
    is_plain = not any(settings.get(name) for name in _BEFORE_KEYS)
    # A web identity in the environment goes before a profile's keys.
    if not is_plain or config.environment.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        return None
    return _keys(
        settings.get("aws_access_key_id"),
        settings.get("aws_secret_access_key"),
        settings.get("aws_session_token") or settings.get("aws_security_token"),
        f"profile {config.profile!r} has aws_access_key_id",
    )


def _keys(key: str | None, secret: str | None, token: str | None, found: str) -> Credentials | None:
    if not key:
        return None
    if not secret:
        raise AccessDeniedError(f"{found} but the secret access key is missing", hint=_NOWHERE)
    return Credentials(key, secret, token or None)


def _from_botocore(options: ConnectionOptions) -> CredentialsSource:
    import botocore.session

    with_errors_mapped = _mapping_errors()
    session = botocore.session.Session(profile=options.profile or None)
    found = with_errors_mapped(session.get_credentials)
    if found is None:
        raise AccessDeniedError("no AWS credentials were found", hint=_NOWHERE)

    def current() -> Credentials:
        keys = with_errors_mapped(found.get_frozen_credentials)  # renews what is about to expire
        # Only credentials that botocore renews have an expiry, and it has no public name.
        expiry = getattr(found, "_expiry_time", None)
        return Credentials(
            keys.access_key,
            keys.secret_key,
            keys.token,
            expiry.timestamp() if expiry is not None else None,
        )

    return current


def _mapping_errors() -> Callable[[Callable[[], Any]], Any]:
    """A caller of botocore's functions that raises our errors for botocore's."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        EndpointConnectionError,
        HTTPClientError,
    )

    def call(function: Callable[[], Any]) -> Any:
        try:
            return function()
        except (EndpointConnectionError, HTTPClientError) as error:
            raise ServiceError(f"the service that gives credentials: {error}") from error
        except (BotoCoreError, ClientError) as error:
            raise _denied(error) from error

    return call


def _denied(error: Exception) -> S3loError:
    from botocore.exceptions import SSOError

    hint = "Log in again with `aws sso login`." if isinstance(error, SSOError) else _NOWHERE
    return AccessDeniedError(f"no AWS credentials could be had: {error}", hint=hint)
