"""Numbers: figures as a reader wants them, with as many digits as mean something."""

from __future__ import annotations

from perf.figures import Spread


def plain(value: float) -> str:
    """Three significant digits from 0.1 on: 0.123, 1.23, 12.3, 123, 1234."""
    for decimals, bound in ((3, 1), (2, 10), (1, 100)):
        if round(value, decimals) < bound:
            return f"{value:.{decimals}f}"
    return f"{value:.0f}"


def with_range(values: Spread, decimals: int) -> str:
    """``1.50 (1.20 to 2.00)``."""
    median, least, most = (
        f"{value:.{decimals}f}" for value in (values.median, values.least, values.most)
    )
    return f"{median} ({least} to {most})"


def payload(payload_bytes: int) -> str:
    """Decimal units, as goodput has them: ``4.29 GB``."""
    for power, unit in ((9, "GB"), (6, "MB"), (3, "kB")):
        if payload_bytes >= 10**power:
            return f"{payload_bytes / 10**power:.2f} {unit}"
    return f"{payload_bytes} bytes"


def ratio_mark(ratio: Spread) -> str:
    """``~`` where rounds stand on both sides of 1, so that neither was the faster for certain."""
    return "~" if ratio.least < 1 < ratio.most else ""
