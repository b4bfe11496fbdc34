"""Delivery: how a pulled image becomes a layout, an archive, or an image of a Docker daemon."""

from __future__ import annotations

from pathlib import Path
from tempfile import gettempdir
from typing import Protocol

from s3lo.events import Observer
from s3lo.files import Staging
from s3lo.transports import docker_archive, oci_layout
from s3lo.transports.destination import (
    ArchiveDestination,
    DockerDestination,
    LayoutDestination,
    parse_destination,
)
from s3lo.transports.image import PulledImage


class Delivery(Protocol):
    """One destination, from the first look at it to the image being there."""

    def check(self) -> None:
        """Raise, before anything moves, where the image could not be delivered."""

    def staging(self) -> Staging:
        """Where the blobs are brought first."""

    def deliver(self, image: PulledImage) -> str:
        """Make the image appear; returns where it is, as a user would write it."""


def delivery_to(
    to: str, name: str, force: bool, tmpdir: Path | None, observer: Observer
) -> Delivery:
    """The delivery for a DEST of the command line; ``name`` is what the image is called there."""
    scratch = tmpdir or Path(gettempdir())
    match parse_destination(to):
        case DockerDestination():
            return DockerDelivery(name, scratch, observer)
        case LayoutDestination(directory, own_name):
            return LayoutDelivery(directory, own_name or name, force)
        case ArchiveDestination(path, own_name):
            return ArchiveDelivery(path, own_name or name, force, scratch)
    raise AssertionError(to)


class LayoutDelivery:
    """Blobs are brought to where they will stay; a rename makes the layout appear."""

    def __init__(self, directory: Path, name: str, force: bool) -> None:
        self._directory = directory
        self._name = name.rpartition(":")[2]
        self._force = force
        self._staging = Staging(directory.absolute().parent, directory.name)

    def check(self) -> None:
        oci_layout.check_destination(self._directory, force=self._force)

    def staging(self) -> Staging:
        return self._staging

    def deliver(self, image: PulledImage) -> str:
        oci_layout.write_documents(image.blobs_dir.parents[1], image.manifest, self._name)
        oci_layout.publish(self._staging, self._directory, force=self._force)
        return f"oci:{self._directory}"


class ArchiveDelivery:
    """The archive is written beside its destination, then renamed."""

    def __init__(self, path: Path, name: str, force: bool, scratch: Path) -> None:
        self._path = path
        self._names = [name] if name else []
        self._force = force
        self._scratch = scratch

    def check(self) -> None:
        docker_archive.check_destination(self._path, force=self._force)

    def staging(self) -> Staging:
        return Staging(self._scratch)

    def deliver(self, image: PulledImage) -> str:
        docker_archive.write(image, self._path, self._names, force=self._force)
        return f"docker-archive:{self._path}"


class DockerDelivery:
    """The daemon is streamed an archive that is made while it is read."""

    def __init__(self, name: str, scratch: Path, observer: Observer) -> None:
        self._name = name
        self._scratch = scratch
        self._observe = observer

    def check(self) -> None:
        from s3lo.transports.docker_daemon import connect

        with connect() as daemon:
            daemon.ping()

    def staging(self) -> Staging:
        return Staging(self._scratch)

    def deliver(self, image: PulledImage) -> str:
        from s3lo.transports.docker_daemon import connect

        with connect() as daemon:
            image_id = daemon.load(image, self._tags, observer=self._observe)
        return f"docker:{self._name or image_id}"

    @property
    def _tags(self) -> list[str]:
        return [self._name] if self._name else []
