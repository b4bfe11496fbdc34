"""Head: what an HTTP answer begins with (RFC 9112, section 2)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Head(Struct, frozen=True):
    """Status and headers (names in lower case) of an answer."""

    status: int
    headers: Mapping[str, str]
    has_no_body: bool = False
    """Whatever its headers say, as of an answer to HEAD."""
    is_early: bool = False
    """It came before the request was sent, whose rest now never will be."""

    @property
    def body_bytes(self) -> int | None:
        """Length of the body; None where only its end tells."""
        length = self.headers.get("content-length", "")
        return int(length) if length.isdigit() else None

    @property
    def stays_open(self) -> bool:
        return not self.is_early and self.headers.get("connection", "").lower() != "close"


def parse_head(text: bytes) -> Head | None:
    """A head without its closing empty line; None where that is no HTTP/1."""
    first, *lines = text.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    if not version.startswith("HTTP/1.") or not status.isdigit():
        return None
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if version == "HTTP/1.0":
        headers.setdefault("connection", "close")
    return Head(int(status), headers)
