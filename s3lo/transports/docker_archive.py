"""Docker archive: an image as the tar that ``docker load`` takes, made while it is being read.

Every reader finds its own documents in it: ``manifest.json`` for Docker's classic store, skopeo and
crane, ``index.json`` and ``oci-layout`` for the containerd image store. Blobs are in it once, under
their digests. A layer that the reader cannot decompress goes in as a plain tar; the OCI documents
then describe that one, with a manifest of their own, since the containerd store believes no digest
that it has not computed. The image config, whose digest is the image id, stays what it is.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

from msgspec import Struct

from s3lo.errors import DestinationExists, IntegrityError, from_os
from s3lo.files import rename_new
from s3lo.model import media_types
from s3lo.model.digest import Digest
from s3lo.model.documents import (
    Descriptor,
    ImageConfig,
    Manifest,
    build_manifest,
    encode,
    parse_config,
)
from s3lo.staging import Staging
from s3lo.transports.coming import (
    ALL_THERE,
    Awaited,
    Coming,
    Proven,
    wait_for_end,
    wait_for_head,
)
from s3lo.transports.decompression import compression_of, decompress
from s3lo.transports.docker_form import MANIFEST_FILE
from s3lo.transports.image import Compression, PulledImage
from s3lo.transports.layout_files import (
    CONTAINERD_NAME,
    INDEX_FILE,
    LAYOUT_FILE,
    REF_NAME,
    blob_name,
    index_of,
    layout_file,
)
from s3lo.transports.names import canonical, familiar, tag_of
from s3lo.transports.plain_sizes import plain_sizes
from s3lo.transports.side_by_side import plain_frames
from s3lo.transports.streams import joined, open_range, pieces

FOR_EVERY_DOCKER: tuple[Compression, ...] = ("zstd",)
"""What has to be unpacked in an archive that any version is to load."""


class _Entry(Struct, frozen=True):
    """A blob, as it came and as the archive has it."""

    came: Descriptor
    goes: Descriptor

    @property
    def is_unpacked(self) -> bool:
        return self.came != self.goes


def config_of(image: PulledImage, coming: Coming = ALL_THERE) -> ImageConfig:
    """The image's config; waits for it."""
    descriptor = image.manifest.config
    coming.wait_until_proven(descriptor.digest)
    path = image.path(descriptor.digest)
    with open_range(path, 0, descriptor.size) as source:
        return parse_config(b"".join(pieces(source)), descriptor.media_type)


def chunks(
    image: PulledImage,
    tags: Collection[str],
    *,
    unpacks: Collection[Compression],
    omit: Collection[Digest] = (),
    coming: Coming = ALL_THERE,
    hasty: bool = False,
) -> Iterator[bytes]:
    """The archive, in pieces of megabytes.

    ``tags`` are the names it will have. Layers of the compressions that it ``unpacks`` are plain
    tars in it. ``omit`` are layers that the reader has already: they are listed and not sent.
    ``coming`` lets a transfer that still runs be followed.

    ``hasty``: layers go in as they come, what they are called and how large they are being proven only
    before the documents at the archive's end, without which nothing is an image. Raises IntegrityError
    then where they were something else; unhurried, the image may be right all the same.
    """
    followed = coming if hasty else Proven(coming)
    return joined(_parts(image, tags, unpacks=unpacks, omit=omit, coming=followed, hasty=hasty))


def _parts(
    image: PulledImage,
    tags: Collection[str],
    *,
    unpacks: Collection[Compression],
    omit: Collection[Digest],
    coming: Coming,
    hasty: bool,
) -> Iterator[bytes]:
    config = config_of(image, coming)
    if len(config.diff_ids) != len(image.manifest.layers):
        raise IntegrityError("the image config and the manifest differ in the number of layers")
    yield from _blob(image, _Entry(image.manifest.config, image.manifest.config), coming)
    layers = {layer.digest: layer for layer in image.manifest.layers}
    diff_ids = {
        layer.digest: diff_id
        for layer, diff_id in zip(image.manifest.layers, config.diff_ids, strict=True)
    }
    entries = {digest: _Entry(layer, layer) for digest, layer in layers.items()}
    sent = [layer for digest, layer in layers.items() if digest not in omit]
    unpacked = {each.digest: each for each in sent if _said_compression(each) in unpacks}
    with plain_sizes(image, tuple(unpacked.values()), coming, hasty=hasty) as size_of:
        for layer in sent:
            if layer.digest in unpacked:
                size = size_of(layer.digest)
                plain = Descriptor(media_types.OCI_LAYER, diff_ids[layer.digest], size)
                entries[layer.digest] = _Entry(layer, plain)
            yield from _blob(image, entries[layer.digest], coming)
    for layer in sent:
        if not coming.wait_until_proven(layer.digest):
            raise IntegrityError(f"another {layer.digest} than was proven has been sent")
    yield from _documents(image.manifest, entries, tags)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _said_compression(layer: Descriptor) -> Compression:
    """What its media type says it is compressed with (OCI image spec, layer.md)."""
    if layer.media_type.endswith("zstd"):
        return "zstd"
    return "gzip" if layer.media_type.endswith("gzip") else "none"


def _blob(image: PulledImage, entry: _Entry, coming: Coming) -> Iterator[bytes]:
    yield _header(blob_name(entry.goes.digest), entry.goes.size)
    left = entry.goes.size
    for piece in _content(image.path(entry.came.digest), entry, coming):
        left -= len(piece)
        if left < 0:
            break
        yield piece
    if left:
        raise IntegrityError(f"{entry.came.digest} has another size than it is said to have")
    yield _padding(entry.goes.size)


def _content(path: Path, entry: _Entry, coming: Coming) -> Iterator[bytes]:
    """A blob, or what is inside of it, decompressed on all cores where that can be."""
    blob = entry.came
    wait_for_head(coming, blob)
    compression = compression_of(path) if entry.is_unpacked else "none"
    if compression == "zstd":
        wait_for_end(coming, blob)
        wait_for = partial(coming.wait_for, blob.digest)
        with plain_frames(path, wait_for=wait_for) as frames:
            if frames is not None:
                yield from frames
                return
    with open_range(path, 0, blob.size) as file:
        yield from pieces(decompress(Awaited(file, blob, coming), compression))


def _documents(
    manifest: Manifest, layers: dict[Digest, _Entry], tags: Collection[str]
) -> Iterator[bytes]:
    """What says which image this is. It comes last, when sizes are known."""
    listed = tuple(layers[layer.digest].goes for layer in manifest.layers)
    named = manifest if listed == manifest.layers else build_manifest(manifest.config, listed)
    annotations = [{CONTAINERD_NAME: canonical(tag), REF_NAME: tag_of(tag)} for tag in tags]
    saved = {
        "Config": blob_name(manifest.config.digest),
        "RepoTags": [familiar(tag) for tag in tags] or None,
        "Layers": [blob_name(layer.digest) for layer in listed],
    }
    yield from _file(blob_name(named.digest), named.raw)
    yield from _file(INDEX_FILE, index_of(named, annotations))
    yield from _file(LAYOUT_FILE, layout_file())
    yield from _file(MANIFEST_FILE, encode([saved]))


def _file(name: str, content: bytes) -> Iterator[bytes]:
    yield _header(name, len(content))
    yield content
    yield _padding(len(content))


def _header(name: str, size: int) -> bytes:
    """A header that depends on nothing else; GNU's form, for layers of 8 GiB and more."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


def write(
    image: PulledImage,
    path: Path,
    tags: Collection[str],
    *,
    force: bool,
    unpacks: Collection[Compression] = FOR_EVERY_DOCKER,
) -> None:
    """Write an archive; it appears under its name when it is complete.

    Where nothing is unpacked, the OCI layout in it has the image's own manifest.
    Raises DestinationExists, DiskFull or LocalError, and then leaves nothing behind.
    """
    check_destination(path, force=force)
    staging = Staging(path.parent, path.name)
    with staging as directory:
        unfinished = directory / "archive"
        try:
            with open(unfinished, "wb", buffering=0) as file:
                for chunk in chunks(image, tags, unpacks=unpacks):
                    _write_all(file.fileno(), chunk)
            (os.replace if force else rename_new)(unfinished, path)
        except FileExistsError as error:
            raise DestinationExists(f"{path} has appeared meanwhile") from error
        except OSError as error:
            raise from_os(error, f"writing {path}") from error


def _write_all(fd: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(fd, view) :]


def check_destination(path: Path, *, force: bool) -> None:
    """Raise DestinationExists where there is a file already and no ``force``, or no plain file.

    ``force`` replaces a file, but never a device or a FIFO: ``/dev/null`` would become an archive.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG if path.is_symlink() else 0
    except OSError as error:
        raise from_os(error, "looking at") from error
    if stat.S_ISDIR(mode):
        raise DestinationExists(f"{path} is a directory", hint="Name a file.")
    if mode and not stat.S_ISREG(mode):
        raise DestinationExists(f"{path} is not a regular file", hint="Name another file.")
    if mode and not force:
        raise DestinationExists(f"{path} exists already")
