"""Tokens: what a registry's token server gives for a login, or to anyone.

Source: distribution.github.io/distribution/spec/auth, "Token Authentication" and "OAuth2".
"""

from __future__ import annotations

import base64
import time
from contextlib import closing
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
from msgspec import Struct

from s3lo.errors import AccessDeniedError, ServiceError
from s3lo.transports.registry.challenge import Challenge
from s3lo.transports.registry.failures import denied, refused
from s3lo.transports.registry.http import Answer, Http
from s3lo.transports.registry.login import Login
from s3lo.transports.registry.proxies import is_loopback
from s3lo.transports.registry.redirects import follow, origin

_CLIENT_ID = "s3lo"
_DEFAULT_SECONDS = 60.0
"""How long a token lasts that does not say so."""
_MOST_EARLY_SECONDS = 30.0
_MOST_TOKEN_BYTES = 1 << 20


class Token(Struct, frozen=True):
    """``renew_at`` is a time of the monotonic clock: while it is still good, with some to spare."""

    value: str
    renew_at: float


class _Fields(Struct, frozen=True):
    token: str | None = None
    access_token: str | None = None
    expires_in: float | None = None


_FIELDS = msgspec.json.Decoder(_Fields, strict=False)
"""Not every server knows a number from a text."""


class TokenServer:
    """The one that a challenge names, for one registry. For any thread."""

    def __init__(self, http: Http, registry: str, *, insecure: bool) -> None:
        self._http = http
        self._registry = registry
        self._insecure = insecure

    def token(self, challenge: Challenge, scopes: tuple[str, ...], login: Login | None) -> Token:
        """A token for these scopes. Raises AccessDeniedError where the login is refused, Passing,
        ServiceError where what answers is no token server."""
        realm = challenge.get("realm")
        self._check(realm, login)
        asked_at = time.monotonic()
        if login and login.identity_token:
            answer = self._by_identity(realm, challenge.get("service"), scopes, login)
        else:
            answer = self._by_password(realm, challenge.get("service"), scopes, login)
        fields = self._read(answer, login)
        value = fields.token or fields.access_token
        if not value or not value.isprintable() or not value.isascii():
            raise ServiceError(f"{answer.host} gave no token for {self._registry}")
        lasts = _DEFAULT_SECONDS if fields.expires_in is None else max(0.0, fields.expires_in)
        return Token(value, asked_at + lasts - min(lasts / 4, _MOST_EARLY_SECONDS))

    def _by_password(
        self, realm: str, service: str, scopes: tuple[str, ...], login: Login | None
    ) -> Answer:
        parts = urlsplit(realm)
        query = [*parse_qsl(parts.query), *(("scope", scope) for scope in scopes)]
        if service:
            query.append(("service", service))
        if login:
            query.append(("account", login.username))
        url = urlunsplit(parts._replace(query=urlencode(query), fragment=""))

        def send(target: str) -> Answer:
            is_shown = login is not None and origin(target) == origin(realm)
            return self._http.send("GET", target, basic(login) if login and is_shown else {})

        return follow(send, url)

    def _by_identity(
        self, realm: str, service: str, scopes: tuple[str, ...], login: Login
    ) -> Answer:
        form = {
            "grant_type": "refresh_token",
            "service": service,
            "client_id": _CLIENT_ID,
            "scope": " ".join(scopes),
            "refresh_token": login.identity_token,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._http.send("POST", realm, headers, urlencode(form).encode())

    def _read(self, answer: Answer, login: Login | None) -> _Fields:
        with closing(answer):
            if answer.status in (400, 401, 403):
                raise denied(self._refused(answer, login), self._registry)
            if answer.status != 200:
                raise refused(answer, f"a token for {self._registry}", self._registry)
            body = answer.read_up_to(_MOST_TOKEN_BYTES)
        try:
            return _FIELDS.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ServiceError(
                f"{answer.host} answers with something else than a token for {self._registry}"
            ) from error

    def _refused(self, answer: Answer, login: Login | None) -> str:
        if login is None:
            return f"{answer.host} gives no token for {self._registry} to who is not logged in"
        whom = f"the login of {login.username}" if login.username else "the login"
        return f"{answer.host} does not take {whom} for {self._registry} ({answer.status})"

    def _check(self, realm: str, login: Login | None) -> None:
        """A password crosses no network in clear, unless that was asked for."""
        try:
            parts = urlsplit(realm)
            host = parts.hostname or ""
        except ValueError:
            host = ""
        if not host or parts.scheme not in ("http", "https"):
            raise ServiceError(f"{self._registry} names no token server: {realm[:200]!r}")
        is_open = parts.scheme == "http" and not (self._insecure or is_loopback(host))
        if login and is_open:
            raise AccessDeniedError(
                f"{self._registry} asks for the login to be sent to {host} without TLS",
                hint="--insecure sends it all the same.",
            )


def basic(login: Login) -> dict[str, str]:
    """The header that shows a name and a password (RFC 7617)."""
    pair = f"{login.username}:{login.password}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
