"""Certificate: a private authority, and what it signed for a server on this machine.

Two certificates, since some clients (those on rustls) take none that is its own authority for a
server's.
"""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from tests.servers.process import find_program


@dataclass(frozen=True)
class Certificate:
    """Paths of PEM files: what a client trusts, and what a server shows."""

    authority: Path
    certificate: Path
    key: Path

    def serving(self) -> ssl.SSLContext:
        """For a server in this process."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_certificate(directory: Path, *hosts: str) -> Certificate:
    """Write a certificate for these addresses and names; raises Missing without openssl."""
    openssl = find_program("openssl", "apt-get install openssl")
    made = Certificate(directory / "ca.pem", directory / "cert.pem", directory / "key.pem")
    authority_key = directory / "ca-key.pem"
    names = ",".join(f"{_kind(host)}:{host}" for host in hosts)
    new = [str(openssl), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    self_signed = ["-subj", "/CN=tests", "-keyout", str(authority_key), "-out", str(made.authority)]
    signed = [
        *("-subj", "/CN=localhost", "-CA", str(made.authority), "-CAkey", str(authority_key)),
        *("-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE"),
        *("-keyout", str(made.key), "-out", str(made.certificate)),
    ]
    for arguments in (self_signed, signed):
        subprocess.run([*new, *arguments], check=True, capture_output=True)
    return made


def _kind(host: str) -> str:
    try:
        ip_address(host)
    except ValueError:
        return "DNS"
    return "IP"
