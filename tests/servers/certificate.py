"""Certificate: one that signs itself, for a server on an address of this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.servers.process import find_program


def make_certificate(directory: Path, *addresses: str) -> tuple[Path, Path]:
    """Write a certificate for these IP addresses and its key; raises Missing without openssl."""
    openssl = find_program("openssl", "apt-get install openssl")
    certificate, key = directory / "cert.pem", directory / "key.pem"
    names = ",".join(f"IP:{address}" for address in addresses)
    subject = ["-subj", "/CN=localhost", "-addext", f"subjectAltName={names}"]
    command = [str(openssl), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run(
        [*command, *subject, "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    return certificate, key
