"""The price table: steps, classes, and the fee of Intelligent-Tiering."""

from __future__ import annotations

import pytest

from s3lo.bucket.prices import GIB, Use, monthly_usd

TIB = 1024 * GIB


@pytest.mark.parametrize(
    ("uses", "usd"),
    [
        ({}, 0.0),
        ({"STANDARD": Use(100 * GIB)}, 2.3),
        ({"STANDARD": Use(60 * TIB)}, 50 * 1024 * 0.023 + 10 * 1024 * 0.022),
        ({"STANDARD": Use(600 * TIB)}, 1024 * (50 * 0.023 + 450 * 0.022 + 100 * 0.021)),
        ({"INTELLIGENT_TIERING": Use(100 * GIB, monitored=2000)}, 2.3 + 0.005),
        ({"DEEP_ARCHIVE": Use(1000 * GIB)}, 0.99),
        ({"STANDARD": Use(GIB), "ONEZONE_IA": Use(GIB)}, 0.033),
        ({"NOT_KNOWN_YET": Use(GIB)}, 0.023),
    ],
)
def test_a_month_costs_what_the_list_says(uses: dict[str, Use], usd: float) -> None:
    assert monthly_usd(uses) == pytest.approx(usd)


def test_only_objects_of_128_kib_and_more_are_monitored() -> None:
    use = Use()
    for size in (1, (128 << 10) - 1, 128 << 10, 5 << 20):
        use.add(size)
    assert (use.bytes_, use.monitored) == ((256 << 10) + (5 << 20), 2)
