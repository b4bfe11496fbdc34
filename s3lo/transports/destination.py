"""Destination: what DEST on the command line means."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from s3lo.errors import UsageError
from s3lo.transports.image import Form

_HINT = "Write docker, oci:DIR[:NAME], oci-archive:FILE[:NAME] or docker-archive:FILE[:NAME]."


class DockerDestination(Struct, frozen=True):
    """The Docker daemon."""


class LayoutDestination(Struct, frozen=True):
    """An OCI layout that will be this directory; ``name`` is its reference name."""

    directory: Path
    name: str = ""


class ArchiveDestination(Struct, frozen=True):
    """An archive that will be this file; ``name`` is what the image is called in it.

    Every Docker loads one of the form ``docker``; one of the form ``oci`` has the manifest and the
    blobs as they are.
    """

    path: Path
    name: str = ""
    form: Form = "docker"


Destination = DockerDestination | LayoutDestination | ArchiveDestination


def parse_destination(text: str) -> Destination:
    """Take a DEST. Does no I/O; raises UsageError on what is none."""
    scheme, colon, rest = text.partition(":")
    path, _, name = rest.partition(":")
    if scheme == "docker" and not colon:
        return DockerDestination()
    if scheme == "oci" and path:
        return LayoutDestination(Path(path), name)
    if scheme == "docker-archive" and path:
        return ArchiveDestination(Path(path), name)
    if scheme == "oci-archive" and path:
        return ArchiveDestination(Path(path), name, "oci")
    raise UsageError(f"{text!r} is not a destination of pull", hint=_HINT)
