"""Registry: Debian's docker-registry on loopback, keeping its images in files."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.servers.certificate import Certificate
from tests.servers.process import Server, find_program, free_ports, http_get
from tests.servers.token_server import TokenServer

USER, PASSWORD = "user", 's3cret,"word'
_HTPASSWD = f"{USER}:$2y$05$abcdefghijklmnopqrstuuhcZJY23gYpjSpzWTvbif48WCCeEED8q\n"
"""bcrypt, as ``htpasswd -B`` writes it."""


class Registry(Server):
    """A registry whose images may be deleted: over plain HTTP or TLS, open to everyone, to a user with
    a password, or to who brings a token."""

    program = "docker-registry"
    install = "apt-get install docker-registry"

    def __init__(
        self,
        *,
        asks_password: bool = False,
        tokens: TokenServer | None = None,
        certificate: Certificate | None = None,
        clients: Path | None = None,
    ) -> None:
        """``clients``: the authority whose certificates clients have to show."""
        super().__init__()
        self._asks_password = asks_password
        self._tokens = tokens
        self._certificate = certificate
        self._clients = clients
        self._port = 0

    @property
    def host(self) -> str:
        """As the first part of an image's name: ``127.0.0.1:PORT``."""
        return f"127.0.0.1:{self._port}"

    @property
    def is_open(self) -> bool:
        """Whether it asks for no login."""
        return not (self._asks_password or self._tokens)

    @property
    def url(self) -> str:
        return f"{'https' if self._certificate else 'http'}://{self.host}"

    def push(self, source: str, name: str, *options: str) -> None:
        """Let skopeo copy an image with all its platforms; ``name`` is ``repository:tag``."""
        skopeo = find_program("skopeo", "apt-get install skopeo")
        login = [] if self.is_open else ["--dest-creds", f"{USER}:{PASSWORD}"]
        command = ["copy", "--quiet", "--all", "--dest-tls-verify=false", *login, *options]
        done = subprocess.run(
            [str(skopeo), *command, source, f"docker://{self.host}/{name}"],
            check=False,
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr.decode()

    def put(self, repository: str, tag: str, raw: bytes, media_type: str, *blobs: bytes) -> None:
        """A manifest as it is, below a tag, with blobs: for what skopeo would change. Of a registry
        that is open to everyone and speaks plain HTTP."""
        for blob in blobs:
            self._send("POST", f"/v2/{repository}/blobs/uploads/", b"", "", blob)
        self._send("PUT", f"/v2/{repository}/manifests/{tag}", raw, media_type)

    def _send(
        self, method: str, path: str, body: bytes, media_type: str, blob: bytes = b""
    ) -> None:
        request = urllib.request.Request(
            urllib.parse.urljoin(self.url, path), body, {"Content-Type": media_type}, method=method
        )
        with urllib.request.urlopen(request) as answer:
            place = answer.headers["Location"]
        if blob:
            digest = f"digest=sha256:{hashlib.sha256(blob).hexdigest()}"
            together = "&" if "?" in place else "?"
            self._send("PUT", f"{place}{together}{digest}", blob, "application/octet-stream")

    def prepare(self, directory: Path) -> list[str]:
        [self._port] = free_ports(1)
        config = directory / "config.yml"
        http: dict[str, Any] = {"addr": self.host}
        settings = {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(directory / "data")},
                "delete": {"enabled": True},
            },
            "http": http,
            **self._auth(directory),
        }
        if self._certificate:
            http["tls"] = {
                "certificate": str(self._certificate.certificate),
                "key": str(self._certificate.key),
                **({"clientcas": [str(self._clients)]} if self._clients else {}),
            }
        config.write_text(json.dumps(settings))  # JSON is YAML
        return ["serve", str(config)]

    def is_ready(self) -> bool:
        if self._certificate:
            socket.create_connection(("127.0.0.1", self._port), 1).close()
            return True
        status, _ = http_get(self._port, "/v2/")
        return status in (200, 401)

    def _auth(self, directory: Path) -> dict[str, Any]:
        if self._tokens:
            return {"auth": {"token": self._tokens.registry_settings()}}
        if self._asks_password:
            (directory / "htpasswd").write_text(_HTPASSWD)
            return {"auth": {"htpasswd": {"realm": "tests", "path": str(directory / "htpasswd")}}}
        return {}
