"""Part sizes: what S3 takes of a multipart upload, and how an object is cut for it.

Amazon S3 user guide, "Multipart upload limits": at most 10,000 parts an upload, 5 MiB to 5 GiB a part
(the last may be smaller), 5 TiB an object.
"""

from __future__ import annotations

MAX_PARTS = 10_000
MIN_PART_BYTES = 5 << 20
MAX_PART_BYTES = 5 << 30
MAX_OBJECT_BYTES = 5 << 40
ALIGNMENT_BYTES = 4 << 10
_MIB = 1 << 20


def aligned(size_bytes: int, to: int = ALIGNMENT_BYTES) -> int:
    """The next multiple of ``to``, and at least one."""
    return max(1, -(-size_bytes // to)) * to


def upload_part_bytes(size: int, preferred: int) -> int:
    """The part size for uploading ``size`` bytes: the preferred one, or what the limits ask for.

    Raises ValueError for an object larger than S3 takes.
    """
    if size > MAX_OBJECT_BYTES:
        raise ValueError(f"an object of {size} bytes; S3 takes at most {MAX_OBJECT_BYTES}")
    needed = aligned(-(-size // MAX_PARTS), _MIB)
    wanted = aligned(preferred)
    return min(MAX_PART_BYTES, max(MIN_PART_BYTES, wanted, needed))
