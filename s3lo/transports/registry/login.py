"""Login: as whom a registry is asked."""

from __future__ import annotations

from msgspec import Struct


class Login(Struct, frozen=True):
    """A user and a password, or an identity token, which is exchanged for others (OAuth 2) and goes
    before them."""

    username: str
    password: str
    identity_token: str = ""

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"Login({self.username!r})"
