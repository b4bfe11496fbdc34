"""Trust: which certificate authorities a TLS connection believes."""

from __future__ import annotations

import ssl
from importlib.util import find_spec
from pathlib import Path

from s3lo.errors import LocalError


def trusting(ca_bundle: str) -> ssl.SSLContext:
    """A context that believes a bundle, or without one the system's authorities.

    A Python that knows of none (a build that looks where this system keeps nothing) takes those
    that botocore carries, as the AWS CLI does. Raises LocalError for a bundle that is unreadable.
    """
    try:
        context = ssl.create_default_context(cafile=ca_bundle or None)
        if not ca_bundle and not context.get_ca_certs() and not _has_directory():
            context.load_verify_locations(_carried())
    except OSError as error:
        raise LocalError(f"cannot read the CA bundle {ca_bundle}: {error}") from error
    return context


def _has_directory() -> bool:
    """A directory of authorities is read when one is asked for, so its context shows none."""
    found = ssl.get_default_verify_paths().capath
    return bool(found) and any(Path(found).iterdir())


def _carried() -> str:
    spec = find_spec("botocore")
    folders = spec.submodule_search_locations if spec else None
    return str(Path(folders[0]) / "cacert.pem") if folders else ""
