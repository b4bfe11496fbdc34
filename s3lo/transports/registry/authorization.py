"""Authorization: what requests to one repository show to be let in, and how it is renewed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from msgspec import Struct

from s3lo.errors import AccessDeniedError
from s3lo.transports.registry.challenge import Challenge
from s3lo.transports.registry.http import Headers
from s3lo.transports.registry.login import Login
from s3lo.transports.registry.tokens import TokenServer, basic


class _Shown(Struct, frozen=True):
    """What is shown, and for how long it is good (a time of the monotonic clock)."""

    headers: dict[str, str]
    challenge: Challenge
    scopes: tuple[str, ...] = ()
    renew_at: float = float("inf")


class Authorization:
    """For any thread: one of them renews it, and the others wait for that."""

    def __init__(self, server: TokenServer, scope: str, login: Callable[[], Login | None]) -> None:
        self._server = server
        self._scope = scope
        self._ask_login = login
        self._login: Login | None = None
        self._lock = threading.Lock()
        self._shown: _Shown | None = None

    def headers(self) -> Headers:
        """What to show now: nothing before the registry has asked."""
        with self._lock:
            shown = self._shown
            if shown is None:
                return {}
            if time.monotonic() >= shown.renew_at:
                self._shown = shown = self._by_token(shown.challenge, shown.scopes)
            return shown.headers

    def answer(
        self, challenges: tuple[Challenge, ...], refused: Headers, *, is_fresh: bool
    ) -> Headers | None:
        """What to show instead of what was refused; None where there is nothing else.

        ``is_fresh``: it was made for this very request, so that only a wider scope could help. Raises
        AccessDeniedError where the login is refused, Passing, ServiceError.
        """
        with self._lock:
            if self._shown is None or self._shown.headers == refused:
                better = self._better(challenges, refused, is_fresh=is_fresh)
                if better is None:
                    return None
                self._shown = better
            # Else another thread has seen to it.
            return self._shown.headers

    def _better(
        self, challenges: tuple[Challenge, ...], refused: Headers, *, is_fresh: bool
    ) -> _Shown | None:
        bearer = next((c for c in challenges if c.scheme == "bearer"), None)
        if bearer is not None:
            return self._by_wider_token(bearer) if is_fresh else self._by_token(bearer, ())
        asks_password = any(c.scheme == "basic" for c in challenges)
        # Some refuse a password that has run out with a 403, which carries no challenge.
        was_password = self._shown is not None and self._shown.challenge.scheme == "basic"
        return self._by_password(refused) if asks_password or was_password else None

    def _by_password(self, refused: Headers) -> _Shown | None:
        """Passwords may run out as well: those of ECR do after twelve hours."""
        login = self._ask_login()
        if login is None or basic(login) == refused:
            return None
        return _Shown(basic(login), Challenge("basic"))

    def _by_wider_token(self, challenge: Challenge) -> _Shown | None:
        """With the scope that the registry names, where it is another one than was asked for."""
        wanted = challenge.get("scope")
        known = self._shown.scopes if self._shown is not None else ()
        if not wanted or wanted in (self._scope, *known):
            return None
        return self._by_token(challenge, (wanted,))

    def _by_token(self, challenge: Challenge, scopes: tuple[str, ...]) -> _Shown:
        """``scopes`` are wanted beside the one that all requests need."""
        self._login = self._login or self._ask_login()
        try:
            token = self._server.token(challenge, (self._scope, *scopes), self._login)
        except AccessDeniedError:
            login = self._ask_login()
            if login is None or login == self._login:
                raise
            self._login = login
            token = self._server.token(challenge, (self._scope, *scopes), login)
        headers = {"Authorization": f"Bearer {token.value}"}
        return _Shown(headers, challenge, scopes, token.renew_at)
