"""Packing: how the layers of a source become blobs, and what of that can be spared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor
from s3lo.transports.image import BlobFile, Compression

LEVELS: Mapping[Compression, range] = {"zstd": range(1, 20), "gzip": range(1, 10), "none": range(1)}
"""That a user may ask for. The highest of zstd's need more memory than a core's share."""


class ReadAgain(Exception):
    """A short cut went wrong: the image is to be read again, in full. Something was spared that turns
    out to be needed, or is another than it was taken for."""


class Holdings(Protocol):
    """What the destination has already. Whatever it names was proven to be there."""

    def layer(self, diff_id: Digest) -> Descriptor | None:
        """A layer by its uncompressed content, in the compression that is wanted."""

    def blob(self, digest: Digest, size: int) -> bool:
        """Whether this very blob is there, with its size in bytes."""

    def config(self, digest: Digest) -> bytes | None:
        """An image config, the bytes that its digest names."""


class Outlet(Protocol):
    """Where finished blobs go while the rest of their image still comes."""

    def expect(self, count: int) -> None:
        """About how many bytes the image has, before they are compressed."""

    def grow(self, count: int) -> None:
        """The blob that is being made is to take ``count`` more bytes of temporary space: returns
        when there is room. Raises Interrupted where nothing goes out any more."""

    def offer(self, blob: BlobFile) -> None:
        """The blob that was being made is complete. Its file is the outlet's from now on, to be
        removed when it pleases."""

    def withdraw(self, count: int) -> None:
        """The blob that was being made, of ``count`` bytes, is none that is needed: it is gone."""

    def abandon(self) -> None:
        """The image will not be made: whoever waits for room waits no more."""


class Packing(Struct, frozen=True):
    """How layers are packed. Without ``level`` it is the compression's own default.

    What ``holdings`` has is neither kept nor compressed. With an ``outlet`` layers that come once
    leave as soon as they are made; without one all of them lie in staging until the end.
    """

    compression: Compression = "zstd"
    level: int | None = None
    holdings: Holdings | None = None
    outlet: Outlet | None = None
