"""Relayed: blobs brought into a store through this machine's memory, and what that is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from s3lo.engine.arrival import Arrival
from s3lo.engine.machine import read_machine
from s3lo.engine.options import EngineOptions
from s3lo.engine.transfers import Upload
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor
from s3lo.model.part_sizes import upload_part_bytes
from s3lo.operations.copying.origin import Means, Moved
from s3lo.operations.copying.relay import OpenRange, Relay, Stored
from s3lo.operations.landing import Landing

CONNECTIONS = 16
"""To the other side. A registry's store gives some 50 to 100 MB/s by each."""
_STEP_BYTES = 8 << 20
_MOST_ROOM_BYTES = 1 << 29
_LEAST_ROOM_BYTES = 4 * _STEP_BYTES


class Relaying(Struct, frozen=True):
    """How blobs are relayed. ``source`` is what errors call where they come from."""

    open_range: OpenRange
    source: str
    means: Means
    storage_classes: Mapping[Digest, str] = {}
    """Of blobs that have one where they come from."""


def relayed(blobs: Sequence[Descriptor], landing: Landing, how: Relaying) -> Moved:
    """Bring blobs into a store, each proven before it appears there; raises what kept one from it."""
    if not blobs:
        return Moved()

    def uploading(blob: Descriptor, path: Path, arrival: Arrival, stored: Stored) -> Upload:
        return landing.upload(
            blob.digest,
            blob.size,
            path,
            arrival=arrival,
            stored=stored,
            source=f"{blob.digest} as {how.source} sent it",
            storage_class=how.storage_classes.get(blob.digest, ""),
        )

    means, options = how.means, how.means.options
    preferred = options.part_size_bytes or _STEP_BYTES
    total_bytes = sum(blob.size for blob in blobs)
    relay = Relay(
        how.open_range,
        blobs,
        uploading,
        room_bytes=room_bytes(options),
        step_bytes=lambda size: upload_part_bytes(size, preferred),
        connections=min(CONNECTIONS, options.max_in_flight or CONNECTIONS),
    )
    with relay:
        report = landing.engine.upload(
            relay.uploads(), means.observer, means.cancel, expected_bytes=total_bytes
        )
    # What lies in files in memory is no process's, and is memory all the same.
    peak_bytes = report.peak_rss_bytes + relay.peak_bytes
    return Moved(total_bytes, replace(report, peak_rss_bytes=peak_bytes))


def room_bytes(options: EngineOptions) -> int:
    """What may wait in memory: half of what the engine may have, which itself on sockets needs
    little of the other half."""
    limit = options.memory_limit_bytes or read_machine().memory_bytes // 8
    return max(_LEAST_ROOM_BYTES, min(_MOST_ROOM_BYTES, limit // 2))
