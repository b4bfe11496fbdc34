"""OCI layout: an image in a directory, as it is written (OCI image spec, image-layout.md)."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from s3lo.errors import DestinationExists, from_os
from s3lo.files import is_mount_point
from s3lo.model.documents import Index, Manifest
from s3lo.staging import Staging, is_own
from s3lo.transports.layout_files import (
    INDEX_FILE,
    LAYOUT_FILE,
    REF_NAME,
    blob_name,
    index_of,
    layout_file,
)

_LOST_AND_FOUND = "lost+found"


def write_documents(
    directory: Path, root: Manifest | Index, name: str = "", manifests: tuple[Manifest, ...] = ()
) -> None:
    """Make a layout of a directory that has the blobs already, under ``blobs/sha256/``.

    ``name`` becomes the image's reference name. ``manifests`` are those of an index.
    Raises DiskFull or LocalError.
    """
    files = {blob_name(document.digest): document.raw for document in (*manifests, root)}
    files[INDEX_FILE] = index_of(root, [{REF_NAME: name}] if name else [])
    files[LAYOUT_FILE] = layout_file()
    try:
        (directory / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            (directory / path).write_bytes(content)
    except OSError as error:
        raise from_os(error, "writing") from error


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
    if not (directory / LAYOUT_FILE).is_file():
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
            staging.move_into(real, ("blobs", LAYOUT_FILE, INDEX_FILE))
        elif force and real.is_dir() and any(real.iterdir()):
            staging.exchange(real)
        else:
            staging.publish(real)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise DestinationExists(f"{directory} has appeared meanwhile") from error
        raise from_os(error, "putting in place") from error
