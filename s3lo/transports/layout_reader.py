"""Layout reader: an image out of an OCI layout in a directory (OCI image spec, image-layout.md)."""

from __future__ import annotations

from pathlib import Path

from s3lo.errors import NotFoundError
from s3lo.events import Observer
from s3lo.model.documents import Descriptor
from s3lo.model.platform import Platform
from s3lo.transports import oci_form
from s3lo.transports.contents import DirectoryContents
from s3lo.transports.image import SourceImage
from s3lo.transports.layout_files import LAYOUT_FILE
from s3lo.transports.packer import Packer
from s3lo.transports.packing import Packing


def read(
    directory: Path,
    staging: Path,
    packing: Packing,
    *,
    name: str = "",
    platforms: tuple[Platform, ...] = (),
    observer: Observer,
) -> SourceImage:
    """Read the image called ``name``, or the only one there is.

    Blobs stay where they are; layers that are not compressed yet are compressed into ``staging``.
    Raises NotFoundError where there is no layout or no such image, UsageError where a name is
    needed, IntegrityError where the layout is damaged.
    """
    contents = _contents(directory)
    with Packer(staging, packing, observer) as packer:
        return oci_form.read_image(
            contents,
            packer,
            name=name,
            platforms=platforms,
            observer=observer,
            may_be_partial=False,
        )


def find(directory: Path, name: str = "") -> Descriptor:
    """How the layout names the image called ``name``, or the only one there is; raises the same."""
    return oci_form.choose(_contents(directory), name)


def _contents(directory: Path) -> DirectoryContents:
    if not (directory / LAYOUT_FILE).is_file():
        hint = "An OCI layout is a directory with a file oci-layout in it."
        raise NotFoundError(f"there is no OCI layout at {directory}", hint=hint)
    return DirectoryContents(directory)
