"""Home: the address of a registry's API, which its images' names do not quite say."""

from __future__ import annotations

from urllib.parse import urlsplit

from s3lo.errors import ServiceError
from s3lo.model.registry_reference import HUB
from s3lo.transports.registry.http import Http
from s3lo.transports.registry.passing import Passing
from s3lo.transports.registry.proxies import is_loopback

_API_HOSTS = {HUB: "registry-1.docker.io"}
_NOT_PLAIN = frozenset({301, 302, 307, 308, 400})
"""What servers that want TLS answer to plain HTTP, if anything."""


def find_home(http: Http, registry: str, *, insecure: bool) -> str:
    """``https://host``, or ``http://host`` where TLS is not insisted on and the registry has none.

    Only then is it asked, and shown nothing. Raises Passing where no answer comes either way.
    """
    host = _API_HOSTS.get(registry, registry)
    candidates = _candidates(host, insecure=insecure)
    if len(candidates) == 1:
        return candidates[0]
    failure = Passing(ServiceError(f"{host} answers neither with TLS nor without"))
    for url in candidates:
        try:
            answer = http.send("GET", f"{url}/v2/", {})
        except Passing as passing:
            failure = passing
            continue
        answer.close()
        if url.startswith("https:") or answer.status not in _NOT_PLAIN:
            return url
    raise failure


def _candidates(host: str, *, insecure: bool) -> tuple[str, ...]:
    """Loopback is plain by default, as for Docker; elsewhere TLS is better where it can be had."""
    if is_loopback(urlsplit(f"//{host}").hostname or ""):
        return f"http://{host}", f"https://{host}"
    return (f"https://{host}", f"http://{host}") if insecure else (f"https://{host}",)
