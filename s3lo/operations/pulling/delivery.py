"""Delivery: how a pulled image becomes a layout, an archive, or an image of a Docker daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from s3lo.events import Observer
from s3lo.files import scratch_directory
from s3lo.model.digest import Digest
from s3lo.model.documents import ImageConfig, Manifest
from s3lo.staging import Staging
from s3lo.transports import oci_layout
from s3lo.transports.coming import ALL_THERE, Coming
from s3lo.transports.destination import (
    ArchiveDestination,
    DockerDestination,
    LayoutDestination,
    parse_destination,
)
from s3lo.transports.image import PulledImage
from s3lo.transports.names import check_new_name, check_reference_name, reference_name

if TYPE_CHECKING:
    from s3lo.transports.docker_daemon import DockerDaemon

ReadConfig = Callable[[], ImageConfig]
"""Fetches the image's config, ahead of its other blobs."""

_WORTH_ASKING_BYTES = 16 << 20
"""An image this large is compared with what the daemon has, which takes a request per image there."""


class Delivery(Protocol):
    """One destination, from the first look at it to the image being there."""

    def check(self) -> None:
        """Raise, before anything moves, where the image could not be delivered."""

    def known(self, manifest: Manifest, read_config: ReadConfig) -> frozenset[Digest]:
        """Layers that the destination has already: they are neither brought nor delivered."""

    def staging(self, key: str = "") -> Staging:
        """Where the blobs are brought first; one with the ``key`` of a pull that was killed has what
        that one had brought."""

    @property
    def follows(self) -> bool:
        """Whether it delivers while blobs still come, in the order of the manifest."""

    def deliver(
        self, image: PulledImage, known: frozenset[Digest], coming: Coming = ALL_THERE
    ) -> str:
        """Make the image appear; returns where it is, as a user would write it.

        ``coming`` says what is there, for a delivery that follows the transfer.
        """


@contextmanager
def delivery_to(
    to: str, name: str, force: bool, tmpdir: Path | None, observer: Observer
) -> Iterator[Delivery]:
    """The delivery for a DEST of the command line; ``name`` is what the image is called there.

    Raises UsageError for a DEST that is none or a name that cannot be one, LocalError where there
    is no place for temporary files and one is needed.
    """
    match parse_destination(to):
        case LayoutDestination(directory, own_name):
            yield LayoutDelivery(directory, _in_layout(own_name, name), force)
        case ArchiveDestination() as archive:
            names = _in_docker(archive.name or name)
            yield ArchiveDelivery(archive, names, force, scratch_directory(tmpdir))
        case DockerDestination():
            from s3lo.transports.docker_daemon import connect

            names, scratch = _in_docker(name), scratch_directory(tmpdir)
            with connect() as daemon:
                yield DockerDelivery(daemon, names, scratch, observer)


def _in_layout(own_name: str, name: str) -> str:
    """The image's reference name: what DEST itself says, else the tag of its name."""
    if own_name:
        check_reference_name(own_name)
        return own_name
    return reference_name(name) if name else ""


def _in_docker(name: str) -> list[str]:
    """The names under which Docker will know the image: one, or none."""
    if name:
        check_new_name(name)
    return [name] if name else []


class LayoutDelivery:
    """Blobs are brought to where they will stay; a rename makes the layout appear."""

    follows = False

    def __init__(self, directory: Path, name: str, force: bool) -> None:
        self._directory = directory
        self._name = name
        self._force = force
        self._staging = oci_layout.staging_for(directory)

    def check(self) -> None:
        oci_layout.check_destination(self._directory, force=self._force)

    def known(self, manifest: Manifest, read_config: ReadConfig) -> frozenset[Digest]:
        del manifest, read_config
        return frozenset()

    def staging(self, key: str = "") -> Staging:
        self._staging.key = key
        return self._staging

    def deliver(
        self, image: PulledImage, known: frozenset[Digest], coming: Coming = ALL_THERE
    ) -> str:
        del known, coming
        oci_layout.write_documents(image.blobs_dir.parents[1], image.manifest, self._name)
        oci_layout.publish(self._staging, self._directory, force=self._force)
        return f"oci:{self._directory}"


class ArchiveDelivery:
    """The archive is written beside its destination, then renamed."""

    follows = False

    def __init__(
        self, archive: ArchiveDestination, names: list[str], force: bool, scratch: Path
    ) -> None:
        self._archive = archive
        self._names = names
        self._force = force
        self._scratch = scratch

    def check(self) -> None:
        from s3lo.transports import docker_archive

        docker_archive.check_destination(self._archive.path, force=self._force)

    def known(self, manifest: Manifest, read_config: ReadConfig) -> frozenset[Digest]:
        del manifest, read_config
        return frozenset()

    def staging(self, key: str = "") -> Staging:
        return Staging(self._scratch, key=key)

    def deliver(
        self, image: PulledImage, known: frozenset[Digest], coming: Coming = ALL_THERE
    ) -> str:
        from s3lo.transports import docker_archive

        del known, coming
        unpacks = () if self._archive.form == "oci" else docker_archive.FOR_EVERY_DOCKER
        docker_archive.write(
            image,
            self._archive.path,
            self._names,
            force=self._force,
            unpacks=unpacks,
        )
        return f"{self._archive.form}-archive:{self._archive.path}"


class DockerDelivery:
    """The daemon is streamed an archive that is made while it is read, as its blobs come."""

    follows = True

    def __init__(
        self, daemon: DockerDaemon, names: list[str], scratch: Path, observer: Observer
    ) -> None:
        self._daemon = daemon
        self._names = names
        self._scratch = scratch
        self._observe = observer

    def check(self) -> None:
        self._daemon.ping()

    def known(self, manifest: Manifest, read_config: ReadConfig) -> frozenset[Digest]:
        """The lower layers that it shares with an image of the daemon's.

        A digest that comes again further up, where the daemon has it not, is not among them.
        """
        layers = [layer.digest for layer in manifest.layers]
        if sum(layer.size for layer in manifest.layers) < _WORTH_ASKING_BYTES:
            return frozenset()
        count = self._daemon.known_layers(read_config().diff_ids)
        return frozenset(layers[:count]) - frozenset(layers[count:])

    def staging(self, key: str = "") -> Staging:
        return Staging(self._scratch, key=key)

    def deliver(
        self, image: PulledImage, known: frozenset[Digest], coming: Coming = ALL_THERE
    ) -> str:
        image_id = self._daemon.load(
            image, self._names, observer=self._observe, omit=known, coming=coming
        )
        return f"docker:{self._names[0] if self._names else image_id}"
