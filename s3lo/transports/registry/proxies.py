"""Proxies: which one leads to a host (``http_proxy``, ``https_proxy``, ``no_proxy``)."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def proxy_for(url: str) -> str:
    """The URL of the proxy for this one, empty for none. Loopback needs none, whatever is set, as for
    the docker CLI."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme, "")
    if not proxy or is_loopback(parts.hostname or "") or proxy_bypass(parts.netloc):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def is_loopback(host: str) -> bool:
    """Whether a host, without its port, is this machine by its name or address."""
    try:
        return host.rstrip(".") == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
