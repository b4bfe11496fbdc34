"""Packer: takes entries into the staging directory and makes layers of them.

What lies in staging is under ``blobs/sha256/`` by its own digest, so the same layer taken twice is
there once. A layer that came compressed is never touched, and one that the destination holds is
neither kept nor compressed.
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
from s3lo.model.documents import Descriptor
from s3lo.transports.ahead import ahead
from s3lo.transports.compression import Compressor
from s3lo.transports.contents import Content, Entry, Held
from s3lo.transports.decompression import decompress, detect
from s3lo.transports.ends import HEAD_BYTES
from s3lo.transports.image import BlobFile, Compression
from s3lo.transports.packing import Packing, ReadAgain
from s3lo.transports.streams import (
    Counted,
    Prefixed,
    Readable,
    open_range,
    pieces,
    read_up_to,
    saving,
    unheard,
)
from s3lo.transports.tar_reader import is_tar


class Layer(Struct, frozen=True):
    """A layer as it will be uploaded. ``diff_id`` is None where nobody computed it."""

    content: Entry
    compression: Compression
    diff_id: Digest | None


class Packer:
    """One image's way into staging; a context manager that ends its threads."""

    def __init__(self, staging: Path, packing: Packing, observer: Observer) -> None:
        self._blobs = staging / "blobs" / "sha256"
        self._incoming = staging / "incoming"
        self._packing = packing
        self._compression = packing.compression
        self._moved = saving(observer)
        self._compressor = Compressor(level=packing.level)
        self._packed: dict[Content, Content] = {}
        self._left: set[Digest] = set()
        """Blobs that are the outlet's by now."""
        self._make_directory()

    def __enter__(self) -> Packer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and self._packing.outlet:
            # Its threads are waited for, and one of them may wait for room: Ctrl-C once hung here.
            self._packing.outlet.abandon()
        self._compressor.__exit__(kind, value, trace)

    def _make_directory(self) -> None:
        try:
            self._blobs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise from_os(error, "making") from error

    def expect(self, count: int) -> None:
        """About how many bytes of layers there will be to take."""
        if self._packing.outlet:
            self._packing.outlet.expect(count)

    def take(self, source: Readable, named: Digest | None = None, size: int = 0) -> Entry:
        """Keep an entry that comes once: a tar is compressed as it comes, all else stays as is.

        ``named`` is the digest that it should have, where that is known, and ``size`` how many
        bytes it has then: what the destination holds of it is read and not kept.
        """
        head = read_up_to(source, HEAD_BYTES)
        whole = Prefixed(head, source)
        if is_tar(head):
            held = self._held(named, size) if named else None
            if held:
                return self._passed_over(whole, held)
            return self._store(whole, self._compression, leaves=True, head=head)
        if named and self._holds(head, named, size):
            return self._passed_over(whole, Held(Descriptor("", named, size)))
        return self._store(whole, "none")

    def take_layer(self, source: Readable, diff_id: Digest) -> Entry:
        """Keep a layer that is there as a tar and known by its digest. One that the destination
        holds is not read; one that is another than it should be raises ReadAgain, and nothing of it
        has left."""
        if held := self._held(diff_id, 0):
            return held
        head = read_up_to(source, HEAD_BYTES)
        whole = Prefixed(head, source)
        return self._store(whole, self._compression, leaves=True, head=head, diff_id=diff_id)

    def layer(self, entry: Entry, diff_id: Digest | None = None) -> Layer:
        """Make a layer of an entry, compressed if it is not yet and should be.

        ``diff_id`` is what it should be, where that is known.
        """
        if isinstance(entry, Held) or entry.is_packed:
            compression = self._compression if entry.is_packed else "none"
            return Layer(entry, compression, entry.diff_id)
        found = detect(entry.head())
        if found != "none":
            return Layer(entry, found, None)
        if self._compression == "none":
            return Layer(entry, "none", entry.digest)
        if diff_id and (held := self._held(diff_id, entry.size)):
            return Layer(held, self._compression, diff_id)
        packed = self._pack(entry)
        return Layer(packed, self._compression, packed.diff_id)

    def proven(self, layer: Layer) -> Layer:
        """The same with its digests known, for forms that name layers by their diff ids only."""
        if layer.content.digest and layer.diff_id:
            return layer
        content = layer.content
        if isinstance(content, Held):
            raise ReadAgain(f"what {content.digest} is compressed from was not looked at")
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

    def restored(self, entry: Entry) -> Entry:
        """An entry as it came: a tar that turned out to be no layer is unpacked again."""
        if not entry.is_packed:
            return entry
        if isinstance(entry, Held) or entry.digest in self._left:
            raise ReadAgain(f"{entry.diff_id} is a tar and no layer")
        with open_range(entry.path, entry.offset, entry.size) as source:
            plain = decompress(source, self._compression)
            restored = self._store(plain, "none", is_counted=False)
        if restored.digest != entry.diff_id:
            raise DigestMismatch(f"{entry.diff_id} changed while it was staged")
        return restored

    def _held(self, diff_id: Digest, plain_size: int) -> Held | None:
        """The layer as the destination has it."""
        holdings = self._packing.holdings
        descriptor = holdings.layer(diff_id) if holdings else None
        return Held(descriptor, diff_id, plain_size) if descriptor else None

    def _holds(self, head: bytes, digest: Digest, size: int) -> bool:
        """Whether the destination has a layer that came compressed. Documents are small and read."""
        holdings = self._packing.holdings
        return holdings is not None and detect(head) != "none" and holdings.blob(digest, size)

    def _passed_over(self, source: Readable, held: Held) -> Held:
        """Read what came, to its end: the next entry is behind it. A tar has to be what it was
        taken for, or the wrong layer would become part of the image."""
        found = hashlib.sha256()
        for piece in ahead(pieces(Counted(source, self._moved))):
            if held.diff_id:
                found.update(piece)
        if held.diff_id and found.hexdigest() != held.diff_id.hex:
            raise ReadAgain(f"{held.diff_id} is sha256:{found.hexdigest()}")
        return held

    def _pack(self, content: Content) -> Content:
        if content not in self._packed:
            with open_range(content.path, content.offset, content.size) as source:
                self._packed[content] = self._store(source, self._compression, leaves=True)
        return self._packed[content]

    def _store(
        self,
        source: Readable,
        compression: Compression,
        *,
        leaves: bool = False,
        head: bytes | None = None,
        is_counted: bool = True,
        diff_id: Digest | None = None,
    ) -> Content:
        """Into staging, or through it where it ``leaves`` and there is an outlet; raises ReadAgain
        where it has not the ``diff_id`` that is given."""
        counted = Counted(source, self._moved) if is_counted else source
        outlet = self._packing.outlet if leaves else None
        grow = outlet.grow if outlet else unheard
        done = self._compressor.compress(counted, self._incoming, compression, grow)
        if diff_id and done.diff_id != diff_id:
            raise ReadAgain(f"{diff_id} is {done.diff_id}")
        path = self._blobs / done.digest.hex
        try:
            if outlet and done.digest in self._left:
                self._incoming.unlink()
                outlet.withdraw(done.size)
            else:
                os.rename(self._incoming, path)
                if outlet:
                    self._left.add(done.digest)
                    outlet.offer(BlobFile(done.digest, done.size, path, is_verified=True))
        except OSError as error:
            raise from_os(error, "renaming") from error
        if compression == "none":
            return Content(path, 0, done.size, done.digest, first_bytes=head)
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
