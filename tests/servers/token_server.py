"""Token server: what a registry with token authentication sends its clients to.

Source: distribution.github.io/distribution/spec/auth, "Token Authentication", "Token Scope
Documentation" and "OAuth2". Tokens are signed with openssl, so that a real registry takes them.
"""

from __future__ import annotations

import base64
import json
import subprocess
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.certificate import Certificate
from tests.servers.process import find_program

if TYPE_CHECKING:
    from typing_extensions import Self

SERVICE = "tests, registry"
"""With a comma, which a challenge then has inside of quotes."""
_ISSUER = "tests"


@dataclass(frozen=True)
class TokenRequest:
    """What was asked for, and how: ``GET`` or ``POST``, and as whom."""

    method: str
    scopes: tuple[str, ...]
    service: str
    user: str
    """Empty: nobody; of a POST the identity token."""


class TokenServer:
    """Gives tokens to those it knows: to users with their password, to bearers of identity tokens and,
    where ``is_open``, to everyone for pulling."""

    def __init__(
        self,
        certificate: Certificate,
        logins: dict[str, str],
        *,
        identities: tuple[str, ...] = (),
        is_open: bool = False,
        lasts_seconds: int = 300,
    ) -> None:
        self._certificate = certificate
        self.logins = logins
        self._identities = identities
        self._is_open = is_open
        self._lasts_seconds = lasts_seconds
        self.requests: list[TokenRequest] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/token"

    def registry_settings(self) -> dict[str, str]:
        """Of the registry that is to take the tokens."""
        return {
            "realm": self.url,
            "service": SERVICE,
            "issuer": _ISSUER,
            "rootcertbundle": str(self._certificate.authority),
        }

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(
        self, method: str, fields: dict[str, list[str]], authorization: str
    ) -> tuple[int, Any]:
        scopes = tuple(each for field in fields.get("scope", ()) for each in field.split(" "))
        service = fields.get("service", [""])[0]
        user = fields.get("refresh_token", [""])[0] if method == "POST" else _user(authorization)
        self.requests.append(TokenRequest(method, scopes, service, user.partition(":")[0]))
        if not self._knows(method, user):
            return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "not you"}]}
        actions = {"pull", "push"} if user else {"pull"}
        token = self._signed(scopes, actions)
        named = "access_token" if method == "POST" else "token"
        return 200, {named: token, "expires_in": self._lasts_seconds}

    def _knows(self, method: str, user: str) -> bool:
        if method == "POST":
            return user in self._identities
        name, _, password = user.partition(":")
        return self.logins.get(name) == password if user else self._is_open

    def _signed(self, scopes: tuple[str, ...], allowed: set[str]) -> str:
        access = []
        for kind, name, wanted in (scope.split(":") for scope in scopes):
            actions = sorted(allowed.intersection(wanted.split(",")))
            access.append({"type": kind, "name": name, "actions": actions})
        now = int(time.time())
        claims = {
            "iss": _ISSUER,
            "sub": "someone",
            "aud": SERVICE,
            "jti": str(len(self.requests)),
            "iat": now,
            "nbf": now - 10,
            "exp": now + 300,
            "access": access,
        }
        pem = self._certificate.certificate.read_text()
        header = {"typ": "JWT", "alg": "RS256", "x5c": ["".join(pem.split("\n")[1:-2])]}
        text = b".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
        openssl = find_program("openssl", "apt-get install openssl")
        command = [str(openssl), "dgst", "-sha256", "-sign", str(self._certificate.key)]
        signed = subprocess.run(command, input=text, check=True, capture_output=True).stdout
        return (text + b"." + _encoded(signed)).decode()


def _encoded(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def _user(authorization: str) -> str:
    """``name:password`` of Basic; empty where nothing is shown."""
    return base64.b64decode(authorization.removeprefix("Basic ")).decode()


def _handler_for(server: TokenServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("content-length", 0))
            text = self.rfile.read(length).decode() if length else urlsplit(self.path).query
            authorization = self.headers.get("authorization", "")
            status, body = server.answer(self.command, parse_qs(text), authorization)
            content = json.dumps(body).encode()
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _serve  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Tests look at ``requests``."""

    return Handler
