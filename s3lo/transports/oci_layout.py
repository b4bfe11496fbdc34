"""OCI layout: an image in a directory, read from and written to (OCI image spec, image-layout.md)."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from s3lo.errors import DestinationExists, NotFoundError, from_os
from s3lo.events import Observer
from s3lo.files import Staging, is_mount_point, is_own
from s3lo.model.documents import Document, Index, Manifest, encode
from s3lo.model.media_types import OCI_INDEX
from s3lo.model.platform import Platform
from s3lo.transports import oci_form
from s3lo.transports.contents import DirectoryContents, blob_name
from s3lo.transports.image import Compression, SourceImage
from s3lo.transports.packer import Packer

_LOST_AND_FOUND = "lost+found"


def read(
    directory: Path,
    staging: Path,
    compression: Compression,
    *,
    name: str = "",
    platform: Platform | None = None,
    observer: Observer,
) -> SourceImage:
    """Read the image called ``name``, or the only one there is.

    Blobs stay where they are; layers that are not compressed yet are compressed into ``staging``.
    Raises NotFoundError where there is no layout or no such image, UsageError where a name is
    needed, IntegrityError where the layout is damaged.
    """
    if not (directory / oci_form.LAYOUT_FILE).is_file():
        hint = "An OCI layout is a directory with a file oci-layout in it."
        raise NotFoundError(f"there is no OCI layout at {directory}", hint=hint)
    with Packer(staging, compression, observer) as packer:
        return oci_form.read_image(
            DirectoryContents(directory),
            packer,
            name=name,
            platform=platform,
            observer=observer,
            may_be_partial=False,
        )


def write_documents(
    directory: Path, root: Manifest | Index, name: str = "", manifests: tuple[Manifest, ...] = ()
) -> None:
    """Make a layout of a directory that has the blobs already, under ``blobs/sha256/``.

    ``name`` becomes the image's reference name. ``manifests`` are those of an index.
    Raises DiskFull or LocalError.
    """
    files = {blob_name(document.digest): document.raw for document in (*manifests, root)}
    files[oci_form.INDEX_FILE] = index_of(root, [{oci_form.REF_NAME: name}] if name else [])
    files[oci_form.LAYOUT_FILE] = layout_file()
    try:
        (directory / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            (directory / path).write_bytes(content)
    except OSError as error:
        raise from_os(error, "writing") from error


def layout_file() -> bytes:
    return encode({"imageLayoutVersion": oci_form.LAYOUT_VERSION})


def index_of(root: Document, annotations: list[dict[str, str]]) -> bytes:
    """``index.json`` with one entry for every set of annotations, at least one in all."""
    descriptor = root.descriptor().to_json()
    entries = [{**descriptor, "annotations": each} for each in annotations]
    return encode(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries or [descriptor]}
    )


def check_destination(directory: Path, *, force: bool) -> None:
    """Raise DestinationExists unless a layout may be written to this path.

    What may be: a path where nothing is, an empty directory and, with ``force``, another layout.
    Any other directory is somebody's: no option deletes it.
    """
    try:
        if not directory.exists() and not directory.is_symlink():
            return
        if not directory.is_dir():
            raise DestinationExists(
                f"{directory} is not a directory", hint="Choose another destination."
            )
        is_mount = is_mount_point(directory)
        if _is_empty(directory, is_mount):
            return
    except OSError as error:
        raise from_os(error, "looking at") from error
    if not (directory / oci_form.LAYOUT_FILE).is_file():
        raise DestinationExists(
            f"{directory} is not empty and is not an OCI layout", hint="Choose another destination."
        )
    if is_mount:
        raise DestinationExists(
            f"{directory} is a mount point with an OCI layout in it, which cannot be replaced",
            hint="Name a directory inside it, or empty it.",
        )
    if not force:
        raise DestinationExists(f"{directory} is an OCI layout already")


def _is_empty(directory: Path, is_mount: bool) -> bool:
    """Whether nothing is there, but for what a mounted file system may have of itself and of us."""
    names = os.listdir(directory)
    return not any(not is_mount or (name != _LOST_AND_FOUND and not is_own(name)) for name in names)


def staging_for(directory: Path) -> Staging:
    """Where a layout is made that :func:`publish` will put into its place: on its file system.

    That is beside the directory itself, not beside a link that leads to it; and inside it where it
    is a mount point.
    """
    real = Path(os.path.realpath(directory))
    return Staging(real) if is_mount_point(real) else Staging(real.parent, real.name)


def publish(staging: Staging, directory: Path, *, force: bool) -> None:
    """Put a staged layout of :func:`staging_for` in its place.

    Into a mount point its parts are moved one by one, the index last; without it there is no image.
    Where a layout is replaced, the two change places in one step: whatever happens, there is
    either the old one or the new one. Raises DestinationExists as :func:`check_destination` does.
    """
    check_destination(directory, force=force)
    try:
        real = Path(os.path.realpath(directory))
        if is_mount_point(real):
            staging.move_into(real, ("blobs", oci_form.LAYOUT_FILE, oci_form.INDEX_FILE))
        elif real.is_dir() and any(real.iterdir()):
            staging.exchange(real)
        else:
            staging.publish(real)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise DestinationExists(f"{directory} has appeared meanwhile") from error
        raise from_os(error, "putting in place") from error
