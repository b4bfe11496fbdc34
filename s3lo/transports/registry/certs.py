"""Certs: what a TLS connection to a registry trusts and shows.

Source of the directories: docs.docker.com, "Verify repository client with certificates";
containers-certs.d(5).
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

from s3lo.errors import LocalError
from s3lo.trust import trusting


def context_for(host: str, ca_bundle: str, *, insecure: bool) -> ssl.SSLContext:
    """A context for a registry; ``host`` with its port.

    Beside the system's authorities it believes those of a bundle (without one, that of
    ``AWS_CA_BUNDLE``) and of the host's directory: a copy has two ends, and the bundle may be for the
    other one. Raises LocalError for files that are unreadable.
    """
    context = trusting("")
    if bundle := ca_bundle or os.environ.get("AWS_CA_BUNDLE", ""):
        _load(context, bundle, "")
    directory = next((place for place in places(host) if place.is_dir()), None)
    if directory:
        _load_directory(context, directory)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def places(host: str) -> Iterator[Path]:
    """Where a host's certificates may lie; the first directory that is there counts."""
    own = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    for root in (f"{own}/containers", "/etc/containers", "/etc/docker"):
        yield Path(root, "certs.d", host)


def _load_directory(context: ssl.SSLContext, directory: Path) -> None:
    """``*.crt`` are authorities; ``*.cert`` with its ``*.key`` is what the client shows."""
    try:
        files = sorted(directory.iterdir())
    except OSError as error:
        raise LocalError(f"cannot read {directory}: {error.strerror}") from error
    for file in files:
        if file.suffix == ".crt":
            _load(context, str(file), "")
        elif file.suffix == ".cert":
            _load(context, str(file), str(file.with_suffix(".key")))


def _load(context: ssl.SSLContext, path: str, key: str) -> None:
    """Authorities, or with a key the client's certificate."""
    try:
        if key:
            context.load_cert_chain(path, key, password=_no_password)
        else:
            context.load_verify_locations(path)
    except (OSError, ValueError) as error:
        raise LocalError(
            f"cannot use the certificates in {path}{f' with {key}' if key else ''}: {error}",
            hint="Each has to be readable PEM, and a .cert needs a .key of the same name.",
        ) from error


def _no_password() -> str:
    """OpenSSL would ask the terminal for it."""
    raise ValueError("the key is encrypted")
