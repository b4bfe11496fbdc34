"""Stores written by hand, as another tool would: with nothing of s3lo that knows images.

What lies where is spelled out here once more, so that a mistake of ours in writing cannot hide
behind the same mistake in reading.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from s3lo.bucket.store import Store

OCI = "application/vnd.oci.image"
LINUX_AMD64 = {"os": "linux", "architecture": "amd64"}
LINUX_ARM64 = {"os": "linux", "architecture": "arm64", "variant": "v8"}


@dataclass(frozen=True)
class Shelf:
    """A store, the address that a user has for it, and a way to put things there."""

    store: Store
    url: str

    def keys(self, prefix: str = "") -> list[str]:
        return [found.key for found in self.store.list(prefix)]

    def put(self, key: str, content: bytes) -> None:
        self.store.put(key, content)

    def blob(self, content: bytes, media_type: str) -> dict[str, Any]:
        """Store a blob; gives its descriptor."""
        digest = digest_of(content)
        self.put(f"blobs/sha256/{digest[7:]}", content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def manifest(
        self, layers: Sequence[bytes], platform: dict[str, str] = LINUX_AMD64, note: str = ""
    ) -> bytes:
        """A manifest, not stored, of layers and a config that are."""
        config = {
            "created": "2026-01-02T03:04:05Z",
            **platform,
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
            "history": [
                *({"created_by": f"COPY {number}"} for number, _ in enumerate(layers)),
                {"created_by": "CMD x", "empty_layer": True},
            ],
        }
        body = {
            "schemaVersion": 2,
            "mediaType": f"{OCI}.manifest.v1+json",
            "config": self.blob(encoded(config), f"{OCI}.config.v1+json"),
            "layers": [self.blob(layer, f"{OCI}.layer.v1.tar") for layer in layers],
        }
        return encoded({**body, "annotations": {"note": note}} if note else body)

    def index(self, platforms: Sequence[dict[str, str]], layer: bytes = b"layer") -> bytes:
        """An index, not stored, of platforms whose manifests are."""
        entries = []
        for platform in platforms:
            raw = self.manifest([layer, str(platform).encode()], platform)
            entries.append(
                {**self.blob(raw, f"{OCI}.manifest.v1+json"), "platform": dict(platform)}
            )
        return encoded(
            {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": entries}
        )

    def tag(self, image: str, tag: str, raw: bytes | None = None) -> str:
        """Write a tag; gives the digest of its manifest."""
        raw = self.manifest([b"layer"], note=f"{image}:{tag}") if raw is None else raw
        self.put(f"manifests/{image}/{tag}/oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        self.put(f"manifests/{image}/{tag}/manifest.json", raw)
        return digest_of(raw)


def encoded(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
