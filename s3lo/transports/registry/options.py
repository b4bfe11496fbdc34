"""Options: how a registry is reached, and as whom."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from s3lo.transports.registry.login import Login


def nobody() -> Login | None:
    """The ``login`` of those who have none."""
    return None


class RegistryOptions(Struct, frozen=True):
    """Wishes of the command line or the API."""

    insecure: bool = False
    """Take any certificate, and no TLS at all where the registry has none."""
    ca_bundle: str = ""
    """Authorities to believe beside the system's; empty: those of ``AWS_CA_BUNDLE``."""
    login: Callable[[], Login | None] = nobody
    """Asked when the registry wants to know, and again when it refuses what it was shown."""
