"""Proxies: whether an endpoint is to be reached through one. awscrt's client can; sockets do not."""

from __future__ import annotations

import os

from s3lo.model.objects import Endpoint


def is_proxied(endpoint: Endpoint) -> bool:
    """By the variables that curl and awscrt read: ``http_proxy``, ``https_proxy``, ``no_proxy``."""
    scheme = "https" if endpoint.is_tls else "http"
    if not any(os.environ.get(name) for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")):
        return False
    from urllib.request import proxy_bypass

    return not proxy_bypass(endpoint.host)
