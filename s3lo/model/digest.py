"""Digest: the name of content, ``sha256:<64 hex>`` (OCI image spec, descriptor.md#digests)."""

from __future__ import annotations

import base64
import hashlib
import re

from s3lo.errors import InvalidReference

_PATTERN = re.compile(r"sha256:[0-9a-f]{64}\Z")


class Digest(str):
    """A checked SHA-256 digest. A str, so that it hashes, sorts and serialises as one."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Check and take a digest; raises InvalidReference when it is not one."""
        if not _PATTERN.match(text):
            raise InvalidReference(
                f"{text!r} is not a digest", hint="A digest is sha256: and 64 hex digits."
            )
        return cls(text)

    @classmethod
    def of(cls, content: bytes) -> Digest:
        """The digest of content."""
        return cls.from_hex(hashlib.sha256(content).hexdigest())

    @classmethod
    def from_hex(cls, encoded: str) -> Digest:
        return cls.parse(f"sha256:{encoded}")

    @property
    def hex(self) -> str:
        """The 64 hex digits."""
        return self[7:]

    @property
    def base64(self) -> str:
        """As the ``x-amz-checksum-sha256`` header wants it."""
        return base64.b64encode(bytes.fromhex(self.hex)).decode()
