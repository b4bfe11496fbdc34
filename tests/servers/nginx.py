"""Nginx: a directory served over HTTP; a store below it is a bucket for pull as it stands."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tests.servers.certificate import make_certificate
from tests.servers.process import Server, free_ports, http_get

_CONFIG = """\
daemon off;
{user}
worker_processes auto;
pid {directory}/pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    keepalive_timeout 600s;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port}{ssl} backlog=4096;
        {certificate}
        root {root};
        limit_rate {limit_rate};
        location = /.ready {{ return 204; }}
    }}
}}
"""
# The cipher of our own origin, see native_bench/src/origin/origin.c.
_CERTIFICATE = """\
ssl_certificate {made.certificate};
        ssl_certificate_key {made.key};
        ssl_prefer_server_ciphers on;
        ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384;
"""


class Nginx(Server):
    """A static file server: ``root/bucket/key`` answers to ``url/bucket/key``.

    ``limit_rate`` caps each connection, as nginx writes it: ``8m`` is 8 MiB/s, ``0`` no cap. Small
    requests exceed it. ``tls``: with a certificate of an authority of its own.
    """

    program = "nginx"
    install = "apt-get install nginx-light"

    def __init__(self, root: Path | str, limit_rate: str = "0", *, tls: bool = False) -> None:
        super().__init__()
        self.root = Path(root).resolve()
        self._limit_rate = limit_rate
        self._tls = tls
        self.ca_bundle: Path | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def prepare(self, directory: Path) -> list[str]:
        [self._port] = free_ports(1)
        made = make_certificate(directory, "127.0.0.1") if self._tls else None
        self.ca_bundle = made.authority if made else None
        config = directory / "nginx.conf"
        config.write_text(
            _CONFIG.format(
                # Workers of a root nginx become nobody, who may not read root's temporary files.
                user="user root;" if os.geteuid() == 0 else "",
                directory=directory,
                port=self._port,
                root=self.root,
                limit_rate=self._limit_rate,
                ssl=" ssl" if made else "",
                certificate=_CERTIFICATE.format(made=made) if made else "",
            )
        )
        return ["-e", "stderr", "-p", str(directory), "-c", str(config)]

    def is_ready(self) -> bool:
        if self._tls:
            socket.create_connection(("127.0.0.1", self._port)).close()
            return True
        status, _ = http_get(self._port, "/.ready")
        return status == 204
