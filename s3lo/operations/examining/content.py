"""Content: whether blobs are what their names say, all of them or a sample; nothing of it is kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from random import Random
from threading import Event

from msgspec import Struct

from s3lo.bucket.keys import blob_key
from s3lo.engine.audit import PHASE
from s3lo.engine.report import EngineReport
from s3lo.engine.transfers import Engine, Stored
from s3lo.errors import Interrupted, NotFoundError, S3loError
from s3lo.events import Observer
from s3lo.model.digest import Digest
from s3lo.operations.census import Census
from s3lo.operations.examining.completeness import Users, blob_finding, users_of
from s3lo.operations.examining.diagnosis import Check, Finding, Status, unknown
from s3lo.operations.examining.examination import Examination
from s3lo.operations.examining.inventory import Inventory
from s3lo.operations.phase import Phase
from s3lo.quantities import count, size

_MOST_SEED = 1 << 32


class Sample(Struct, frozen=True):
    """Which blobs are read: a share of their number, drawn with a seed."""

    share: float = 1.0
    seed: int = 0

    @classmethod
    def drawn(cls, share: float | None, seed: int | None) -> Sample:
        """All blobs (share None), or a share of them, with a seed of its own unless one is given."""
        chance = Random().randrange(_MOST_SEED) if seed is None else seed
        return cls(1.0 if share is None else share, chance)

    def of(self, inventory: Inventory) -> Sequence[int]:
        """Places in the inventory, the largest blobs first: what is left for the end is then small.

        The same seed draws the same blobs of the same store, whatever the order of its listing.
        """
        places = sorted(range(len(inventory.names)), key=inventory.names.__getitem__)
        wanted = math.ceil(len(places) * self.share)
        drawn = places if self.share >= 1 else Random(self.seed).sample(places, wanted)
        return sorted(drawn, key=lambda place: -inventory.named_sizes[place])


def check_content(
    seen: Examination, engine: Engine, sample: Sample, observer: Observer, cancel: Event | None
) -> tuple[Check, EngineReport | None]:
    """Read blobs and hash them; goes on past what is damaged."""
    if seen.blobs_error:
        return unknown("content", seen.blobs_error), None
    inventory = seen.inventory
    places = sample.of(inventory)
    total_bytes = sum(inventory.named_sizes[place] for place in places)
    damaged: dict[str, S3loError] = {}

    def told(blob: Stored, error: S3loError) -> None:
        damaged[str(blob.digest)] = error

    report, trouble = None, None
    try:
        with Phase(PHASE, observer, total_bytes):
            report = engine.audit(
                _stored(inventory, places), told, observer, cancel, total_bytes=total_bytes
            )
    except Interrupted:
        raise
    except S3loError as error:
        trouble = error
    findings = _findings(seen, damaged)
    detail = f"{count(len(places), 'blob')} ({size(total_bytes)}) read"
    if sample.share < 1:
        detail += f" of {len(inventory.names)}, drawn with --seed {sample.seed}"
    detail += f", {len(findings)} damaged" if findings else ", all as their names say"
    if trouble:
        detail = f"not read to the end: {trouble.message}; {len(findings)} damaged so far"
    figures = {"blobs": len(places), "bytes": total_bytes, "damaged": len(findings)}
    status: Status = "failed" if findings or trouble else "ok"
    return Check("content", status, detail, findings, figures), report


def _stored(inventory: Inventory, places: Sequence[int]) -> Iterator[Stored]:
    for place in places:
        digest = Digest.from_hex(inventory.names[place].hex())
        yield Stored(digest, inventory.named_sizes[place], blob_key(digest))


def _findings(seen: Examination, damaged: dict[str, S3loError]) -> tuple[Finding, ...]:
    census = Census() if isinstance(seen.census, S3loError) else seen.census
    numbers = {digest: census.number_of(digest) for digest in damaged}
    users = users_of(census, [number for number in numbers.values() if number is not None])
    findings = []
    for digest, error in sorted(damaged.items()):
        number = numbers[digest]
        needing = Users() if number is None else users.get(number, Users())
        if isinstance(error, NotFoundError) and not needing.count:
            continue  # nobody needed it, and it was cleaned away since it was listed
        findings.append(blob_finding(seen.location, digest, error.message, needing))
    return tuple(findings)
