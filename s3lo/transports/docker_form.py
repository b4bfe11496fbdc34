"""Docker form: an image out of ``manifest.json`` and the files that it lists.

That is what ``docker save`` writes (moby, image/tarexport), and what skopeo and crane write after
it. Layers go by file names here; what binds them to the image are the diff ids of its config.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

import msgspec

from s3lo.errors import (
    DigestMismatch,
    IntegrityError,
    InvalidDocument,
    NotFoundError,
    UsageError,
)
from s3lo.model import media_types
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor, ImageConfig, build_manifest, parse_config
from s3lo.model.platform import Platform
from s3lo.transports.contents import Blobs, Contents, Entry, Held, names_of, require
from s3lo.transports.image import SourceImage
from s3lo.transports.names import canonical
from s3lo.transports.packer import Layer, Packer, require_order
from s3lo.transports.packing import Holdings
from s3lo.transports.tar_reader import is_tar

MANIFEST_FILE = "manifest.json"
_HEX = re.compile(r"([0-9a-f]{64})(?:\.json)?\Z")


class SavedImage(msgspec.Struct, frozen=True):
    """An entry of ``manifest.json``."""

    Config: str
    Layers: list[str] | None = None
    RepoTags: list[str] | None = None


_SAVED = msgspec.json.Decoder(list[SavedImage])


def read_image(
    contents: Contents, packer: Packer, *, name: str, platforms: Sequence[Platform]
) -> SourceImage:
    """Read the image called ``name``, or the only one there is."""
    return image_of(contents, packer, _choose(contents, name), platforms)


def image_of(
    contents: Contents, packer: Packer, saved: SavedImage, platforms: Sequence[Platform]
) -> SourceImage:
    """The image that an entry of ``manifest.json`` tells of."""
    config, content = _config(contents, saved)
    check_platforms(config, platforms)
    packer.expect(sum(require(contents, path).size for path in saved.Layers or ()))
    named = dict(enumerate(config.diff_ids))
    layers = [
        _layer(contents, packer, path, named.get(n)) for n, path in enumerate(saved.Layers or ())
    ]
    require_order(config.diff_ids, layers)
    descriptors = tuple(_descriptor(layer) for layer in layers)
    manifest = build_manifest(config.descriptor(), descriptors)
    blobs = Blobs()
    blobs.add(config.digest, content)
    for descriptor, layer in zip(descriptors, layers, strict=True):
        blobs.add(descriptor.digest, layer.content)
    return blobs.image(manifest, (manifest,))


def held_image(
    config_digest: Digest,
    diff_ids: Sequence[Digest],
    holdings: Holdings,
    platforms: Sequence[Platform],
) -> SourceImage | None:
    """An image of which nothing has to be read; None where its destination lacks a part of it."""
    raw = holdings.config(config_digest)
    if raw is None:
        return None
    config = parse_config(raw)
    if config.diff_ids != tuple(diff_ids):
        return None
    check_platforms(config, platforms)
    layers = tuple(found for found in map(holdings.layer, diff_ids) if found)
    if len(layers) != len(diff_ids):
        return None
    manifest = build_manifest(config.descriptor(), layers)
    return SourceImage(manifest, (manifest,), {}, frozenset(b.digest for b in manifest.blobs))


def check_platforms(config: ImageConfig, wanted: Sequence[Platform]) -> None:
    """Raise NotFoundError unless an image with this config is for all of these."""
    for platform in wanted:
        if not config.platform.satisfies(platform):
            raise NotFoundError(
                f"the image is not there for {platform}", hint=f"It is for: {config.platform}."
            )


def _choose(contents: Contents, name: str) -> SavedImage:
    try:
        saved = _SAVED.decode(require(contents, MANIFEST_FILE).document())
    except msgspec.DecodeError as error:
        raise InvalidDocument(f"{MANIFEST_FILE} of {contents.what}: {error}") from error
    found = [image for image in saved if not name or _is_called(image, name)]
    listed = names_of(tag for image in saved for tag in image.RepoTags or ())
    if not found and name:
        raise NotFoundError(f"{contents.what} has no image {name!r}", hint=f"It has: {listed}.")
    if not found:
        raise IntegrityError(f"{contents.what} has no image at all")
    if len({image.Config for image in found}) > 1:
        raise UsageError(f"{contents.what} has several images", hint=f"Name one of them: {listed}.")
    return found[0]


def _is_called(image: SavedImage, name: str) -> bool:
    return any(canonical(tag) == canonical(name) for tag in image.RepoTags or ())


def _config(contents: Contents, saved: SavedImage) -> tuple[ImageConfig, Entry]:
    """The config, which is what its file name says, where that is a digest."""
    content = require(contents, saved.Config, "the image config")
    config = parse_config(content.document())
    named = _HEX.match(posixpath.basename(saved.Config))
    if named and named.group(1) != config.digest.hex:
        raise DigestMismatch(f"{saved.Config} of {contents.what} is {config.digest}")
    return config, content


def _layer(contents: Contents, packer: Packer, path: str, diff_id: Digest | None) -> Layer:
    layer = packer.layer(require(contents, path), diff_id)
    content = layer.content
    if not isinstance(content, Held) and layer.compression == "none" and not is_tar(content.head()):
        raise IntegrityError(f"{path} of {contents.what} is not a layer")
    return packer.proven(layer)


def _descriptor(layer: Layer) -> Descriptor:
    content = layer.content
    assert content.digest is not None
    media_type = media_types.LAYER_OF_COMPRESSION[layer.compression]
    return Descriptor(media_type, content.digest, content.size)
