"""Challenge: how a registry asks who is there (RFC 9110, section 11.6.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct, field

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')
_SCHEME = re.compile(rf"\s*({_TOKEN})(?=\s|,|\Z)")
_TOKEN68 = re.compile(r"\s+[A-Za-z0-9._~+/-]+=*\s*(?=,|\Z)")
_SEPARATORS = re.compile(r"[\s,]*")


class Challenge(Struct, frozen=True):
    """A scheme and its parameters, the names of both in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        return self.parameters.get(name, "")


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """What ``WWW-Authenticate`` says, as far as it can be understood; several may stand in one."""
    found: list[Challenge] = []
    at = 0
    while at < len(header):
        at = _after(_SEPARATORS, header, at)
        scheme = _SCHEME.match(header, at)
        if not scheme:
            break
        at = _after(_TOKEN68, header, scheme.end())
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, at):
            name, quoted, plain = parameter.groups()
            value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            parameters.setdefault(name.lower(), value)
            at = _after(_SEPARATORS, header, parameter.end())
        found.append(Challenge(scheme[1].lower(), parameters))
    return tuple(found)


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where the pattern ends that may stand here."""
    match = pattern.match(text, at)
    return match.end() if match else at
