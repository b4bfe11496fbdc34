"""Prices: what a month of storage costs, by Amazon's list. An estimate, not an invoice.

Left out: requests, transfer, minimum sizes and durations, colder tiers of Intelligent-Tiering, and
that other buckets of an account count for the steps too.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

SOURCE = "https://aws.amazon.com/s3/pricing/"
REGION = "us-east-1"
DATE = "2026-06"

GIB = 1 << 30
"""What Amazon calls a GB."""
TIERED = "INTELLIGENT_TIERING"
MONITORED_FROM_BYTES = 128 << 10
MONITORING_PER_OBJECT = 0.0025 / 1000

_FIRST, _NEXT = 50 * 1024, 450 * 1024
_STEPS = ((_FIRST, 0.023), (_NEXT, 0.022), (float("inf"), 0.021))
"""GiB at a price, then the next GiB at the next."""
_PER_GIB: Mapping[str, tuple[tuple[float, float], ...]] = {
    "STANDARD": _STEPS,
    TIERED: _STEPS,  # its Frequent Access tier
    "STANDARD_IA": ((float("inf"), 0.0125),),
    "ONEZONE_IA": ((float("inf"), 0.01),),
    "GLACIER_IR": ((float("inf"), 0.004),),
    "GLACIER": ((float("inf"), 0.0036),),
    "DEEP_ARCHIVE": ((float("inf"), 0.00099),),
    "REDUCED_REDUNDANCY": ((float("inf"), 0.024),),
    "EXPRESS_ONEZONE": ((float("inf"), 0.11),),
}


class Use(Struct):
    """Objects of one storage class."""

    bytes_: int = 0
    monitored: int = 0
    """Of those objects, how many Intelligent-Tiering watches, for a fee."""

    def add(self, size_bytes: int) -> None:
        self.bytes_ += size_bytes
        self.monitored += size_bytes >= MONITORED_FROM_BYTES


def monthly_usd(uses: Mapping[str, Use]) -> float:
    """US dollars a month. A class that is not in the list costs what Standard does."""
    watched = uses[TIERED].monitored if TIERED in uses else 0
    storage = sum(_storage_usd(name, use.bytes_ / GIB) for name, use in uses.items())
    return storage + watched * MONITORING_PER_OBJECT


def _storage_usd(storage_class: str, gib: float) -> float:
    usd = 0.0
    for step_gib, price in _PER_GIB.get(storage_class, _STEPS):
        here = min(gib, step_gib)
        usd += here * price
        gib -= here
    return usd
