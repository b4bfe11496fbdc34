"""Archive: one image out of a tar, read in one pass from a stream or in place from a file.

In a file, contents that are compressed already stay where they are and are named as ranges of it.
From a stream everything goes to staging, layers compressed on the way, because what they belong
to is told only at the end.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from msgspec import Struct

from s3lo.errors import IntegrityError, NotFoundError, UsageError, from_os
from s3lo.events import Observer
from s3lo.model.digest import Digest
from s3lo.model.platform import Platform
from s3lo.transports import docker_form, oci_form
from s3lo.transports.contents import ArchiveContents, Content, Contents, Entry
from s3lo.transports.decompression import decompress, detect
from s3lo.transports.ends import HEAD_BYTES
from s3lo.transports.image import Form, SourceImage
from s3lo.transports.layout_files import INDEX_FILE, named_blob
from s3lo.transports.packer import Packer
from s3lo.transports.packing import Packing
from s3lo.transports.streams import Prefixed, Readable, read_up_to
from s3lo.transports.tar_reader import FileSource, Member, Source, StreamSource, members

Namer = Callable[[str], Digest | None]
"""Tells by a member's name which digest its content should have."""


class Wanted(Struct, frozen=True):
    """What to read: which image and platforms (none: all), in which form the user said (empty: any)."""

    name: str = ""
    platforms: tuple[Platform, ...] = ()
    form: Form | None = None


def read_stream(
    stream: Readable,
    staging: Path,
    packing: Packing,
    wanted: Wanted,
    observer: Observer,
    what: str = "the archive",
    namer: Namer = named_blob,
) -> SourceImage:
    """Read an archive that comes once. Blobs land in ``staging``, or leave by the outlet.

    Raises IntegrityError where it is cut short or inconsistent, NotFoundError and UsageError
    where it has not exactly one image of what is wanted.
    """
    with Packer(staging, packing, observer) as packer:
        contents = _take_all(stream, packer, what, namer)
        return _read(contents, packer, wanted, observer)


def read_file(
    path: Path, staging: Path, packing: Packing, wanted: Wanted, observer: Observer
) -> SourceImage:
    """Read an archive that lies in a file, as :func:`read_stream` does."""
    with _opened(path) as fd, Packer(staging, packing, observer) as packer:
        if stat.S_ISREG(os.fstat(fd).st_mode) and detect(os.pread(fd, HEAD_BYTES, 0)) == "none":
            contents = _collect(FileSource(fd), str(path), partial(_in_place, path))
        else:
            with open(fd, "rb", closefd=False) as stream:
                contents = _take_all(stream, packer, str(path), named_blob)
        return _read(contents, packer, wanted, observer)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path}") from error
    except OSError as error:
        raise from_os(error, "opening") from error
    try:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise UsageError(f"{path} is a directory", hint="Write oci:DIR for an OCI layout.")
        yield fd
    finally:
        os.close(fd)


def _in_place(path: Path, member: Member, _source: Readable) -> Content:
    return Content(path, member.offset, member.size)


def _take_all(stream: Readable, packer: Packer, what: str, namer: Namer) -> ArchiveContents:
    """Take a stream's members into staging; the stream itself may be compressed as well."""
    head = read_up_to(stream, HEAD_BYTES)
    plain = decompress(Prefixed(head, stream), detect(head))

    def take(member: Member, source: Readable) -> Entry:
        return packer.take(source, namer(member.name), member.size)

    return _collect(StreamSource(plain), what, take)


def _collect(
    source: Source, what: str, content_of: Callable[[Member, Readable], Entry]
) -> ArchiveContents:
    files: dict[str, Entry] = {}
    links: dict[str, str] = {}
    for member, reader in members(source):
        if member.target:
            links[member.name] = member.target
        else:
            files[member.name] = content_of(member, reader)
    return ArchiveContents(what, files, links)


def _read(contents: Contents, packer: Packer, wanted: Wanted, observer: Observer) -> SourceImage:
    """Read the form that is there. Where both are, OCI's, since it can say more."""
    files = {"oci": INDEX_FILE, "docker": docker_form.MANIFEST_FILE}
    there = [form for form, name in files.items() if contents.find(name)]
    if not there:
        raise IntegrityError(f"{contents.what} is no image archive: it has none of its documents")
    if wanted.form and wanted.form not in there:
        raise IntegrityError(
            f"{contents.what} lacks {files[wanted.form]}",
            hint=f"It is an archive of the other form: write {there[0]}-archive:FILE.",
        )
    if "oci" in there:
        return oci_form.read_image(
            contents,
            packer,
            name=wanted.name,
            platforms=wanted.platforms,
            observer=observer,
            may_be_partial=True,
        )
    return docker_form.read_image(contents, packer, name=wanted.name, platforms=wanted.platforms)
