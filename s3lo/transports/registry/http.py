"""HTTP: one request and its answer, over connections that are kept (RFC 9110, RFC 9112).

Importing this module imports urllib3. What it, sockets and TLS raise becomes ours here and nowhere
else. Bodies come as they were sent, and are never decoded.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import urllib3
import urllib3.exceptions

from s3lo.errors import ServiceError
from s3lo.model.s3_errors import UntrustedEndpoint
from s3lo.transports.registry.connections import CONNECT_SECONDS, watched_pools
from s3lo.transports.registry.passing import Passing
from s3lo.transports.registry.proxies import proxy_for
from s3lo.transports.registry.watch import Watch
from s3lo.trust import trusting

SILENCE_SECONDS = 30.0
"""How long nothing may come of an answer before its connection is given up."""
_MOST_CONNECTIONS = 64
"""That are kept open to one host."""
_MOST_LEFT_BYTES = 64 << 10
"""Of a body that nobody wants: up to this much is read so that its connection can be kept."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Headers = Mapping[str, str]


class Answer:
    """The head of an answer, whatever its status, and the way to its body. For one thread."""

    def __init__(self, response: urllib3.BaseHTTPResponse, url: str, watch: Watch) -> None:
        self._response = response
        self._watch = watch
        self.url = url
        self.status = response.status
        self.headers: Headers = response.headers
        """Whose names are found in upper and lower case alike."""

    @property
    def host(self) -> str:
        """With its port, and without what a URL may have before it."""
        return _host(self.url)

    @property
    def redirect(self) -> str:
        """Where it sends us, as it says it; empty where it does not."""
        return self.headers.get("location", "") if self.status in _REDIRECTS else ""

    @property
    def body_bytes(self) -> int | None:
        """The body's size, where the head tells it."""
        said = self.headers.get("content-length", "")
        return int(said) if said.isascii() and said.isdecimal() and len(said) < 20 else None

    def read(self, size: int) -> bytes:
        """So many bytes of the body, or fewer and none at its end; raises Passing where it breaks."""
        with _talking(self.host, self._watch):
            piece = self._response.read(size, decode_content=False)
        # What is read from a connection that was shut is nothing to go by.
        self._watch.check()
        return piece

    def read_up_to(self, most_bytes: int) -> bytes:
        """The body, or no more than so many bytes of it; raises Passing where it breaks."""
        body = bytearray()
        while len(body) < most_bytes and (piece := self.read(most_bytes - len(body))):
            body += piece
        return bytes(body)

    def close(self) -> None:
        """Have no more of it; what little is left is read, so that the connection is kept."""
        left = self.body_bytes
        if left is not None and left <= _MOST_LEFT_BYTES:
            self._response.drain_conn()
        self.abandon()

    def abandon(self) -> None:
        """The same, and the connection is closed unless all of the body has come."""
        self._response.close()
        self._response.release_conn()


class Http:
    """Sends requests, each once. For any thread."""

    def __init__(self, context: ssl.SSLContext, watch: Watch) -> None:
        self._watch = watch
        self._context = context
        self._managers: dict[str, urllib3.PoolManager] = {}
        self._pools = watched_pools(context, watch)

    def send(self, method: str, url: str, headers: Headers, body: bytes | None = None) -> Answer:
        """The answer's head. Raises Passing where none comes, UntrustedEndpoint, Interrupted."""
        self._watch.check()
        with _talking(_host(url), self._watch):
            response = self._manager(proxy_for(url)).request(
                method,
                url,
                body=body,
                headers={"Accept-Encoding": "identity", "User-Agent": "s3lo", **headers},
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
        return Answer(response, url, self._watch)

    def close(self) -> None:
        for manager in list(self._managers.values()):
            manager.clear()

    def _manager(self, proxy: str) -> urllib3.PoolManager:
        """What keeps the connections that go by this proxy, or by none."""
        if found := self._managers.get(proxy):
            return found
        settings: dict[str, Any] = {
            "num_pools": 16,
            "maxsize": _MOST_CONNECTIONS,
            "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS),
            "ssl_context": self._context,
            "cert_reqs": self._context.verify_mode,
        }
        manager: urllib3.PoolManager
        if proxy:
            # Its own certificate has nothing to do with the registry's.
            settings["proxy_ssl_context"] = trusting("")
            manager = urllib3.ProxyManager(proxy, proxy_headers=_proxy_headers(proxy), **settings)
        else:
            manager = urllib3.PoolManager(**settings)
        manager.pool_classes_by_scheme = self._pools
        # Two threads may both have made one: then the first is kept.
        return self._managers.setdefault(proxy, manager)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _proxy_headers(proxy: str) -> dict[str, str]:
    """How a proxy is told who asks, where its URL says that."""
    parts = urlsplit(proxy)
    if not parts.username:
        return {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return dict(urllib3.make_headers(proxy_basic_auth=login))


@contextmanager
def _talking(host: str, watch: Watch) -> Iterator[None]:
    """Turn what goes wrong meanwhile into errors of ours."""
    try:
        yield
    except urllib3.exceptions.SSLError as error:
        watch.check()
        reason = error.args[0] if error.args else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise UntrustedEndpoint(
                f"no trusted TLS connection to {host} ({reason.verify_message})",
                hint="Name the certificate authority with --ca-bundle or AWS_CA_BUNDLE, or put it"
                f" into /etc/docker/certs.d/{host}/ca.crt; --insecure believes anyone.",
            ) from error
        raise Passing(ServiceError(f"no TLS connection to {host}: {reason}")) from error
    except (urllib3.exceptions.LocationParseError, urllib3.exceptions.LocationValueError) as error:
        raise ServiceError(f"{host!r} is not a host that can be reached: {error}") from error
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        watch.check()
        raise Passing(ServiceError(f"no answer from {host}: {_said(error)}")) from error


def _said(error: BaseException) -> str:
    """What is behind an error of urllib3's, whose own words begin with the object they are about."""
    match error:
        case urllib3.exceptions.ReadTimeoutError() | TimeoutError():
            return f"it said nothing for {SILENCE_SECONDS:.0f} s"
        case urllib3.exceptions.ProxyError():
            return f"the proxy did not let it through ({error.original_error})"
        case urllib3.exceptions.NameResolutionError():
            return f"it cannot be looked up ({error.__cause__})"
        case urllib3.exceptions.NewConnectionError():
            return str(error.__cause__ or "no connection")
        case urllib3.exceptions.ProtocolError(args=(_, reason)):
            return str(reason)
        case _:
            return str(error)
