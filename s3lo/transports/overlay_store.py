"""Overlay store: what a Docker daemon of this machine keeps of an image, read where it lies.

A daemon hands an image out only when it has written all of it to a disk once more. Who may read the
daemon's own files need not wait for that::

    image/overlay2/imagedb/content/sha256/<image id>         the config
    image/overlay2/layerdb/sha256/<chain id>/diff            which layer this is
                                            /cache-id        where its files are:
    overlay2/<cache id>/diff/                                the files
    image/overlay2/layerdb/…/<chain id>/tar-split.json.gz    its tar, but for them: see ``tar_split``

The daemon may remove any of it at any moment, and it may be another daemon's: nothing is believed
that its digest does not prove, and whatever is amiss, the daemon is asked.

Source: moby, layer/filestore.go, image/fs.go and daemon/graphdriver/overlay2.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from s3lo.errors import IntegrityError, LocalError
from s3lo.events import Observer
from s3lo.model.digest import Digest
from s3lo.model.documents import parse_config
from s3lo.model.platform import Platform
from s3lo.transports import docker_form, tar_split
from s3lo.transports.ahead import ahead
from s3lo.transports.contents import ArchiveContents, Entry
from s3lo.transports.docker_v1 import chain_ids
from s3lo.transports.image import SourceImage
from s3lo.transports.packer import Packer
from s3lo.transports.packing import Packing, ReadAgain
from s3lo.transports.streams import Chained

DRIVER = "overlay2"
_CACHE_ID = re.compile(r"[0-9a-z]+\Z")


class KeptLayer(Struct, frozen=True):
    """A layer's files, and its tar but for them."""

    diff_id: Digest
    files: Path
    split: Path


class KeptImage(Struct, frozen=True):
    """An image as the store has it."""

    root: Path
    config: bytes
    layers: tuple[KeptLayer, ...]


def find(root: Path, image_id: Digest, diff_ids: Sequence[Digest]) -> KeptImage | None:
    """An image below a daemon's root directory; None where not all of it is there to be read."""
    kept = root / "image" / DRIVER
    try:
        config = (kept / "imagedb" / "content" / "sha256" / image_id.hex).read_bytes()
        if Digest.of(config) != image_id:
            return None
        layers = kept / "layerdb" / "sha256"
        ids = zip(chain_ids(diff_ids), diff_ids, strict=True)
        found = [_layer(root, layers / chain.hex, diff_id) for chain, diff_id in ids]
    except (OSError, UnicodeDecodeError):
        return None
    whole = tuple(layer for layer in found if layer)
    return KeptImage(root, config, whole) if len(whole) == len(diff_ids) else None


def _layer(root: Path, entry: Path, diff_id: Digest) -> KeptLayer | None:
    if (entry / "diff").read_text("ascii") != str(diff_id):
        return None
    cache_id = (entry / "cache-id").read_text("ascii")
    layer = KeptLayer(diff_id, root / DRIVER / cache_id / "diff", entry / "tar-split.json.gz")
    is_there = _CACHE_ID.match(cache_id) and layer.files.is_dir() and layer.split.is_file()
    return layer if is_there else None


def read(
    image: KeptImage,
    staging: Path,
    packing: Packing,
    platforms: Sequence[Platform],
    observer: Observer,
) -> SourceImage:
    """Read an image, but for the layers that ``packing.holdings`` has. Blobs land in ``staging``, or
    leave by the outlet.

    Raises ReadAgain where it turns out to be another than the daemon's, or is gone meanwhile, and
    NotFoundError where it is not for these platforms, before anything of it leaves.
    """
    config = parse_config(image.config)
    docker_form.check_platforms(config, platforms)
    name = f"{config.digest.hex}.json"
    saved = docker_form.SavedImage(name, [layer.diff_id.hex for layer in image.layers])
    with Packer(staging, packing, observer) as packer:
        files: dict[str, Entry] = {name: packer.take(io.BytesIO(image.config))}
        for layer in image.layers:
            source = Chained(ahead(_tar(layer)))
            files[layer.diff_id.hex] = packer.take_layer(source, layer.diff_id)
        contents = ArchiveContents(f"what the daemon keeps in {image.root}", files, {})
        return docker_form.image_of(contents, packer, saved, platforms)


def _tar(layer: KeptLayer) -> Iterator[bytes]:
    try:
        with open(layer.split, "rb") as split:
            yield from tar_split.tar(split, layer.files)
    except (OSError, IntegrityError, LocalError) as error:
        raise ReadAgain(f"the daemon's files could not be read: {error}") from error
