"""Login: what someone shows a registry to be let in."""

from __future__ import annotations

from msgspec import Struct


class Login(Struct, frozen=True):
    """A user's name and password, or instead of a password an identity token (OAuth2)."""

    username: str
    password: str
    identity_token: str = ""

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"Login({self.username!r})"
