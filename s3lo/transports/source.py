"""Source: what SOURCE on the command line means, and the way to the image behind it."""

from __future__ import annotations

import sys
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from s3lo.errors import UsageError
from s3lo.events import Observer
from s3lo.model.platform import Platform
from s3lo.transports import archive, layout_reader
from s3lo.transports.archive import Wanted
from s3lo.transports.image import Form, SourceImage
from s3lo.transports.names import is_name
from s3lo.transports.packing import Packing
from s3lo.transports.streams import Readable

_HINT = (
    "Write a Docker image, oci:DIR[:NAME], oci-archive:FILE, docker-archive:FILE, or - for stdin."
)


class DockerSource(Struct, frozen=True):
    """An image of the Docker daemon, by name or id."""

    name: str


class LayoutSource(Struct, frozen=True):
    """An image of an OCI layout; without a name the only one."""

    directory: Path
    name: str = ""


class ArchiveSource(Struct, frozen=True):
    """An image of an archive file; without a name the only one."""

    path: Path
    form: Form
    name: str = ""


class StdinSource(Struct, frozen=True):
    """The only image of an archive that comes on standard input."""


Source = DockerSource | LayoutSource | ArchiveSource | StdinSource


def parse_source(text: str) -> Source:
    """Take a SOURCE. Does no I/O; raises UsageError on what is none.

    A path ends at the first colon, as for skopeo; what follows is the image's name.
    """
    if text == "-":
        return StdinSource()
    scheme, _, rest = text.partition(":")
    path, _, name = rest.partition(":")
    match scheme:
        case "oci" | "oci-archive" | "docker-archive" if not path:
            raise UsageError(f"{text!r} names no path", hint=_HINT)
        case "oci":
            return LayoutSource(Path(path), name)
        case "oci-archive":
            return ArchiveSource(Path(path), "oci", name)
        case "docker-archive":
            return ArchiveSource(Path(path), "docker", name)
    if rest.startswith("//"):
        raise UsageError(
            f"{text!r} is not a source of push", hint=f"Neither stores nor registries are. {_HINT}"
        )
    if not is_name(text):
        raise UsageError(f"{text!r} is not an image name", hint=_HINT)
    return DockerSource(text)


def open_source(
    source: Source,
    *,
    staging: Path,
    packing: Packing,
    platforms: tuple[Platform, ...] = (),
    observer: Observer,
    stdin: Readable | None = None,
) -> SourceImage:
    """Read the image, its documents checked; blobs lie in ``staging`` or where they were, or have
    left by the outlet of ``packing``, or are held by the destination.

    Layers that come uncompressed are compressed. Raises ReadAgain where it has to be read again
    without holdings and outlet. Without ``platforms`` an index is taken whole; of one the manifest is
    taken, and of several an index of these. Raises NotFoundError, IntegrityError, UsageError (several images and no name),
    DaemonError, DiskFull or LocalError.
    """
    match source:
        case DockerSource(name):
            from s3lo.transports.docker_daemon import connect

            with connect() as daemon:
                return daemon.save(name, staging, packing, platforms=platforms, observer=observer)
        case LayoutSource(directory, name):
            return layout_reader.read(
                directory, staging, packing, name=name, platforms=platforms, observer=observer
            )
        case ArchiveSource(path, form, name):
            wanted = Wanted(name, platforms, form)
            return archive.read_file(path, staging, packing, wanted, observer)
        case StdinSource():
            stream: Readable = stdin or sys.stdin.buffer
            wanted = Wanted(platforms=platforms)
            # It cannot be read again, should something that was spared be needed after all.
            careful = replace(packing, holdings=None, outlet=None)
            return archive.read_stream(stream, staging, careful, wanted, observer, "the input")
