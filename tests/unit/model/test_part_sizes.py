"""Part sizes: within the limits of S3, whatever is wished for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.model import part_sizes

MIB = 1 << 20
GIB = 1 << 30


@given(st.integers(0, part_sizes.MAX_OBJECT_BYTES), st.integers(1, 6 * GIB))
def test_upload_parts_fit_the_limits_of_s3_up_to_five_tebibytes(size: int, preferred: int) -> None:
    part = part_sizes.upload_part_bytes(size, preferred)
    assert part_sizes.MIN_PART_BYTES <= part <= part_sizes.MAX_PART_BYTES
    assert -(-size // part) <= part_sizes.MAX_PARTS


@given(st.integers(0, 40 * GIB))
def test_a_preferred_part_size_is_kept_where_the_limits_allow(size: int) -> None:
    preferred = 16 * MIB
    if -(-size // preferred) <= part_sizes.MAX_PARTS:
        assert part_sizes.upload_part_bytes(size, preferred) == preferred


def test_an_object_beyond_five_tebibytes_is_refused() -> None:
    with pytest.raises(ValueError, match="S3 takes at most"):
        part_sizes.upload_part_bytes(part_sizes.MAX_OBJECT_BYTES + 1, 8 * MIB)


@given(st.integers(0, 1 << 40))
def test_aligned_sizes_are_whole_pages(size: int) -> None:
    assert part_sizes.aligned(size) % 4096 == 0
    assert part_sizes.aligned(size) >= size
