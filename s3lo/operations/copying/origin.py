"""Origin: where an image is copied from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Event
from typing import Protocol

from msgspec import Struct

from s3lo.engine.options import EngineOptions
from s3lo.engine.report import EngineReport
from s3lo.events import Observer
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor, Index, Manifest
from s3lo.operations.landing import Landing


class Means(Struct, frozen=True):
    """What every move is done with. The observer is told by one thread at a time."""

    options: EngineOptions
    observer: Observer
    cancel: Event | None = None


class Moved(Struct, frozen=True):
    """What it took to bring blobs into a store. ``bytes_transferred`` passed this machine."""

    bytes_transferred: int = 0
    report: EngineReport | None = None
    """None where the engine had nothing to do."""


class Origin(Protocol):
    """One image, or by :meth:`tags` all that go by one name."""

    def root(self) -> Manifest | Index:
        """What the reference names."""

    def document(self, entry: Descriptor) -> bytes:
        """A manifest or an index, proven to be what its descriptor says."""

    def config(self, config: Descriptor) -> bytes:
        """The config of an image, proven alike."""

    def attached(self, digests: Sequence[Digest]) -> Iterator[tuple[str, Manifest | Index]]:
        """What refers to these manifests from outside of their image, and the tag that it goes
        under: indexes of referrers by ``sha256-<hex>`` (OCI distribution spec 1.1, "referrers tag
        schema"), and what cosign tags, ``sha256-<hex>.sig`` and the like."""

    def move(self, blobs: Sequence[Descriptor], landing: Landing) -> Moved:
        """Bring blobs into a store, proven; raises what kept one of them from it."""
