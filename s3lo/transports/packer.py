"""Packer: takes entries into the staging directory and makes layers of them.

What lies in staging is under ``blobs/sha256/`` by its own digest, so the same layer taken twice is
there once. A layer that came compressed is never touched.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from msgspec import Struct

from s3lo.errors import DigestMismatch, IntegrityError, from_os
from s3lo.events import Observer
from s3lo.model.digest import Digest
from s3lo.transports.compression import Compressor
from s3lo.transports.contents import Content
from s3lo.transports.decompression import HEAD_BYTES, decompress, detect
from s3lo.transports.image import Compression
from s3lo.transports.streams import (
    Counted,
    Prefixed,
    Readable,
    open_range,
    pieces,
    read_up_to,
    saving,
)
from s3lo.transports.tar_reader import is_tar


class Layer(Struct, frozen=True):
    """A layer as it will be uploaded. ``diff_id`` is None where nobody computed it."""

    content: Content
    compression: Compression
    diff_id: Digest | None


class Packer:
    """One image's way into staging; a context manager that ends its threads."""

    def __init__(self, staging: Path, compression: Compression, observer: Observer) -> None:
        self._blobs = staging / "blobs" / "sha256"
        self._incoming = staging / "incoming"
        self._compression = compression
        self._moved = saving(observer)
        self._compressor = Compressor()
        self._packed: dict[Content, Content] = {}
        self._make_directory()

    def __enter__(self) -> Packer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._compressor.__exit__(kind, value, trace)

    def _make_directory(self) -> None:
        try:
            self._blobs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise from_os(error, "making") from error

    def take(self, source: Readable) -> Content:
        """Keep an entry that comes once: a tar is compressed as it comes, all else stays as is."""
        head = read_up_to(source, HEAD_BYTES)
        compression = self._compression if is_tar(head) else "none"
        return self._store(Prefixed(head, source), compression)

    def layer(self, content: Content) -> Layer:
        """Make a layer of an entry, compressed if it is not yet and should be."""
        if content.is_packed:
            return Layer(content, self._compression, content.diff_id)
        found = detect(content.head())
        if found != "none":
            return Layer(content, found, None)
        if self._compression == "none":
            return Layer(content, "none", content.digest)
        packed = self._pack(content)
        return Layer(packed, self._compression, packed.diff_id)

    def proven(self, layer: Layer) -> Layer:
        """The same with its digests known, for forms that name layers by their diff ids only."""
        if layer.content.digest and layer.diff_id:
            return layer
        content = layer.content
        outer = hashlib.sha256()
        inner = outer if layer.compression == "none" else hashlib.sha256()
        with open_range(content.path, content.offset, content.size) as source:
            raw = _Hashed(Counted(source, self._moved), outer.update)
            for piece in pieces(decompress(raw, layer.compression)):
                if inner is not outer:
                    inner.update(piece)
        digest = Digest.from_hex(outer.hexdigest())
        content = Content(content.path, content.offset, content.size, digest)
        return Layer(content, layer.compression, Digest.from_hex(inner.hexdigest()))

    def restored(self, content: Content) -> Content:
        """An entry as it came: a tar that turned out to be no layer is unpacked again."""
        if not content.is_packed:
            return content
        with open_range(content.path, content.offset, content.size) as source:
            restored = self._store(decompress(source, self._compression), "none", is_counted=False)
        if restored.digest != content.diff_id:
            raise DigestMismatch(f"{content.diff_id} changed while it was staged")
        return restored

    def _pack(self, content: Content) -> Content:
        if content not in self._packed:
            with open_range(content.path, content.offset, content.size) as source:
                self._packed[content] = self._store(source, self._compression)
        return self._packed[content]

    def _store(
        self, source: Readable, compression: Compression, *, is_counted: bool = True
    ) -> Content:
        counted = Counted(source, self._moved) if is_counted else source
        done = self._compressor.compress(counted, self._incoming, compression)
        path = self._blobs / done.digest.hex
        try:
            os.rename(self._incoming, path)
        except OSError as error:
            raise from_os(error, "renaming") from error
        if compression == "none":
            return Content(path, 0, done.size, done.digest)
        return Content(path, 0, done.size, done.digest, done.diff_id, done.uncompressed_size)


class _Hashed:
    """A source whose bytes are hashed as they are read."""

    def __init__(self, source: Readable, update: Callable[[bytes], None]) -> None:
        self._source = source
        self._update = update

    def read(self, size: int, /) -> bytes:
        piece = self._source.read(size)
        self._update(piece)
        return piece


def require_order(diff_ids: tuple[Digest, ...], layers: list[Layer]) -> None:
    """Raise IntegrityError unless the layers are those that the config lists, in its order."""
    if len(diff_ids) != len(layers):
        raise IntegrityError(
            f"the image config lists {len(diff_ids)} layers, and there are {len(layers)}"
        )
    for number, (wanted, layer) in enumerate(zip(diff_ids, layers, strict=True), 1):
        if layer.diff_id and layer.diff_id != wanted:
            raise DigestMismatch(f"layer {number} is {layer.diff_id}, the config says {wanted}")
