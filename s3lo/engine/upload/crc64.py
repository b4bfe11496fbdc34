"""CRC-64/NVME of bytes that come piece by piece: the checksum of a part, as S3 wants it."""

from __future__ import annotations

import base64
from functools import cache


@cache
def is_known() -> bool:
    """Whether it can be computed here: awscrt does, where there is one for this platform."""
    try:
        # Only where a part asks for it: it takes 50 ms, and a small push has no parts.
        import awscrt.checksums
    except ImportError:
        return False
    return bool(awscrt)


class Crc64:
    def __init__(self) -> None:
        from awscrt.checksums import crc64nvme

        self._append = crc64nvme
        self._value = 0

    def update(self, piece: memoryview) -> None:
        self._value = self._append(piece, self._value)

    @property
    def base64(self) -> str:
        return base64.b64encode(self._value.to_bytes(8, "big")).decode()
