"""Figures: medians, ratios that pair rounds, goodput in decimal bits."""

from __future__ import annotations

import pytest

from perf.figures import Spread, gbps, paired_ratio, spread


def test_a_spread_is_median_least_and_most() -> None:
    assert spread([3.0, 1.0, 10.0]) == Spread(median=3.0, least=1.0, most=10.0)


def test_the_median_of_an_even_number_lies_between_the_middle_two() -> None:
    assert spread([1.0, 2.0, 4.0, 8.0]).median == 3.0


def test_ratios_are_taken_round_by_round() -> None:
    """The machine got slower threefold, for both: the ratio of medians would be 2 / 4."""
    assert paired_ratio([1.0, 2.0, 3.0], [4.0, 4.0, 12.0]) == Spread(0.25, 0.25, 0.5)


def test_rounds_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired_ratio([1.0, 2.0], [1.0])


def test_goodput_counts_decimal_bits() -> None:
    assert gbps(1_000_000_000, 2.0) == 4.0
