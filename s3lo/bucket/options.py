"""Options: how a user says where a bucket is reached and as whom."""

from __future__ import annotations

from msgspec import Struct


class ConnectionOptions(Struct, frozen=True):
    """Wishes of the command line or the API; what is empty comes from AWS's own variables and files."""

    endpoint_url: str = ""
    region: str = ""
    profile: str = ""
    no_sign_request: bool = False
    ca_bundle: str = ""
