"""OCI form: an image out of a layout's index, documents and blobs, in a directory or an archive.

Documents are checked against the digests that name them and kept byte for byte, as long as no
layer of theirs has to be compressed. Source: OCI image spec 1.1, image-layout.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from s3lo.errors import (
    DigestMismatch,
    IntegrityError,
    InvalidDocument,
    NotFoundError,
    SizeMismatch,
    UsageError,
)
from s3lo.events import Note, Observer
from s3lo.model import media_types
from s3lo.model.digest import Digest
from s3lo.model.documents import (
    Descriptor,
    Index,
    Manifest,
    decode,
    encode,
    parse_config,
    parse_document,
)
from s3lo.model.platform import Platform
from s3lo.model.selection import SUBJECT, entries_for, narrowed, no_platform
from s3lo.transports.contents import Blobs, Contents, Entry, names_of, require
from s3lo.transports.image import SourceImage
from s3lo.transports.layout_files import (
    CONTAINERD_NAME,
    INDEX_FILE,
    LAYOUT_FILE,
    LAYOUT_VERSION,
    REF_NAME,
    blob_name,
)
from s3lo.transports.names import canonical
from s3lo.transports.packer import Layer, Packer, require_order


def read_image(
    contents: Contents,
    packer: Packer,
    *,
    name: str,
    platforms: tuple[Platform, ...],
    observer: Observer,
    may_be_partial: bool,
) -> SourceImage:
    """Read the image called ``name``, or the only one there is.

    Without ``platforms`` an index is taken whole; of one the manifest is taken, and of several an
    index of these, with their attestations. ``may_be_partial``: leave out, with a note, the
    platforms of an index whose blobs are not there, which is how a daemon saves them.
    """
    form = _OciForm(contents, packer, observer)
    root = form.document(choose(contents, name))
    entries: tuple[Descriptor, ...] = ()
    if isinstance(root, Index):
        entries = form.select(root, platforms, may_be_partial)
        if platforms and len(entries) == 1:
            root = form.platform_manifest(entries[0])
    if isinstance(root, Manifest):
        form.check_platforms(root, platforms)
        manifest = form.take(root)
        return form.blobs.image(manifest, (manifest,))
    index, manifests = form.take_index(root, entries, may_be_partial)
    return form.blobs.image(index, manifests)


def choose(contents: Contents, name: str) -> Descriptor:
    """The entry of ``index.json`` that is meant."""
    layout = decode(require(contents, LAYOUT_FILE).document(), LAYOUT_FILE)
    version = layout.get("imageLayoutVersion") if isinstance(layout, dict) else None
    if version != LAYOUT_VERSION:
        raise InvalidDocument(f"{contents.what} is an OCI layout of version {version}")
    index = parse_document(require(contents, INDEX_FILE).document(), media_types.OCI_INDEX)
    if not isinstance(index, Index):
        raise InvalidDocument(f"{INDEX_FILE} of {contents.what} is not an index")
    found = [entry for entry in index.manifests if not name or _is_called(entry, name)]
    listed = names_of(_name(entry) for entry in index.manifests)
    if not found and name:
        raise NotFoundError(f"{contents.what} has no image {name!r}", hint=f"It has: {listed}.")
    if not found:
        raise IntegrityError(f"{contents.what} has no image at all")
    if len({entry.digest for entry in found}) > 1:
        raise UsageError(f"{contents.what} has several images", hint=f"Name one of them: {listed}.")
    return found[0]


def _name(entry: Descriptor) -> str:
    return entry.annotation(CONTAINERD_NAME) or entry.annotation(REF_NAME)


def _is_called(entry: Descriptor, name: str) -> bool:
    if name in (entry.annotation(REF_NAME), entry.digest):
        return True
    full = entry.annotation(CONTAINERD_NAME)
    return bool(full) and canonical(full) == canonical(name)


class _OciForm:
    """Reads documents, and collects the blobs that they name."""

    def __init__(self, contents: Contents, packer: Packer, observer: Observer) -> None:
        self.blobs = Blobs()
        self._contents = contents
        self._packer = packer
        self._observer = observer

    def document(self, descriptor: Descriptor) -> Manifest | Index:
        return parse_document(self._raw(descriptor), descriptor.media_type)

    def _raw(self, descriptor: Descriptor) -> bytes:
        raw = self._content(descriptor).document()
        if Digest.of(raw) != descriptor.digest:
            raise DigestMismatch(f"{descriptor.digest} of {self._contents.what} is other content")
        return raw

    def _content(self, descriptor: Descriptor) -> Entry:
        """An entry, checked as far as can be without reading it again."""
        content = require(self._contents, blob_name(descriptor.digest), descriptor.digest)
        digest, size = content.original
        if size != descriptor.size:
            raise SizeMismatch(
                f"{descriptor.digest} of {self._contents.what} has {size} bytes,"
                f" not {descriptor.size}"
            )
        if digest and digest != descriptor.digest:
            raise DigestMismatch(f"{descriptor.digest} of {self._contents.what} is {digest}")
        return content

    def select(
        self, index: Index, platforms: tuple[Platform, ...], may_be_partial: bool
    ) -> tuple[Descriptor, ...]:
        """The entries for these platforms, each once; all where none is named."""
        return entries_for(index, platforms, lambda e: not may_be_partial or self._is_whole(e))

    def platform_manifest(self, entry: Descriptor) -> Manifest:
        found = self.document(entry)
        if isinstance(found, Index):
            raise InvalidDocument(f"{entry.digest} is an index inside an index")
        return found

    def check_platforms(self, manifest: Manifest, wanted: tuple[Platform, ...]) -> None:
        if not wanted or manifest.config.media_type not in media_types.CONFIGS:
            return
        there = parse_config(self._raw(manifest.config)).platform
        for platform in wanted:
            if not there.satisfies(platform):
                raise no_platform(platform, (there,))

    def take(self, manifest: Manifest) -> Manifest:
        """Collect a manifest's blobs; returns it, written anew where a layer was compressed."""
        self._packer.expect(sum(layer.size for layer in manifest.layers))
        config = self._packer.restored(self._content(manifest.config))
        layers = [self._layer(layer) for layer in manifest.layers]
        if manifest.config.media_type in media_types.CONFIGS:
            diff_ids = parse_config(self._raw(manifest.config)).diff_ids
            if diff_ids or not layers:
                require_order(diff_ids, layers)
        taken = tuple(map(_descriptor, manifest.layers, layers))
        self.blobs.add(manifest.config.digest, config)
        for descriptor, layer in zip(taken, layers, strict=True):
            self.blobs.add(descriptor.digest, layer.content)
        return manifest if taken == manifest.layers else _rewritten(manifest, taken)

    def _layer(self, descriptor: Descriptor) -> Layer:
        content = self._content(descriptor)
        if descriptor.media_type not in media_types.PLAIN_LAYERS:
            return Layer(self._packer.restored(content), "none", None)
        layer = self._packer.layer(content, descriptor.digest)
        if layer.content.is_packed and layer.diff_id != descriptor.digest:
            raise DigestMismatch(f"{descriptor.digest} of {self._contents.what} is {layer.diff_id}")
        return layer

    def take_index(
        self, index: Index, wanted: tuple[Descriptor, ...], may_be_partial: bool
    ) -> tuple[Index, tuple[Manifest, ...]]:
        """Collect the platforms of these entries, with what attests them; returns the index, written
        anew where something had to change."""
        chosen = [d for d in index.manifests if d in wanted or d.annotation(SUBJECT)]
        there = {d.digest for d in chosen if not may_be_partial or self._is_whole(d)}
        self._tell_missing(wanted, there)
        kept = [d for d in chosen if d.digest in there and not _is_orphan(d, there)]
        taken: dict[Digest, Manifest] = {}
        for entry in kept:
            if entry.digest not in taken:
                taken[entry.digest] = self.take(self.platform_manifest(entry))
        return _reindexed(index, kept, taken), tuple(taken.values())

    def _is_whole(self, entry: Descriptor) -> bool:
        """Whether everything that an index entry needs is there."""
        if self._contents.find(blob_name(entry.digest)) is None:
            return False
        manifest = self.platform_manifest(entry)
        return all(self._contents.find(blob_name(blob.digest)) for blob in manifest.blobs)

    def _tell_missing(self, wanted: tuple[Descriptor, ...], there: set[Digest]) -> None:
        runnable = [entry for entry in wanted if not entry.is_attestation]
        if not any(entry.digest in there for entry in runnable):
            raise IntegrityError(
                f"{self._contents.what} lacks blobs of every platform it lists",
                hint="Pull or build the image again where this came from.",
            )
        missing = [str(e.platform) for e in runnable if e.digest not in there]
        if missing:
            self._observer(
                Note(f"left out, since {self._contents.what} lacks them: {', '.join(missing)}")
            )


def _is_orphan(entry: Descriptor, there: set[Digest]) -> bool:
    """An attestation of a platform that was left out."""
    subject = entry.annotation(SUBJECT)
    return bool(subject) and subject not in there


def _descriptor(came: Descriptor, layer: Layer) -> Descriptor:
    """How a layer is named from now on."""
    content = layer.content
    if not content.is_packed or content.digest is None:
        return came
    media_type = media_types.LAYER_OF_COMPRESSION[layer.compression]
    return replace(came, media_type=media_type, digest=content.digest, size=content.size)


def _rewritten(manifest: Manifest, layers: tuple[Descriptor, ...]) -> Manifest:
    """A manifest of other layers, as an OCI one: Docker's family has no type for zstd layers.

    All else that it says is kept; without anything else the bytes are those of ``build_manifest``.
    """
    body: dict[str, Any] = decode(manifest.raw, "manifest")
    config, entries = body.pop("config"), body.pop("layers")
    for entry, layer in zip(entries, layers, strict=True):
        entry.update(mediaType=layer.media_type, digest=str(layer.digest), size=layer.size)
    for entry in (config, *entries):
        entry["mediaType"] = media_types.OCI_OF_DOCKER.get(entry["mediaType"], entry["mediaType"])
    body.pop("mediaType", None)
    head = {"schemaVersion": body.pop("schemaVersion"), "mediaType": media_types.OCI_MANIFEST}
    rewritten = parse_document(encode({**head, "config": config, "layers": entries, **body}))
    assert isinstance(rewritten, Manifest)
    return rewritten


def _reindexed(index: Index, kept: Sequence[Descriptor], taken: Mapping[Digest, Manifest]) -> Index:
    """The index of the entries that are kept, untouched where these are all, and as they came."""
    index = narrowed(index, kept)
    if all(came == manifest.digest for came, manifest in taken.items()):
        return index
    body: dict[str, Any] = decode(index.raw, "index")
    for entry in body["manifests"]:
        manifest = taken[entry["digest"]]
        if manifest.digest != entry["digest"]:
            entry.update(manifest.descriptor().to_json())
        annotations = entry.get("annotations") or {}
        if subject := taken.get(annotations.get(SUBJECT, "")):
            annotations[SUBJECT] = str(subject.digest)
    rewritten = parse_document(encode(body), index.media_type)
    assert isinstance(rewritten, Index)
    return rewritten
