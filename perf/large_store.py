"""Large store: many small images in a directory, which an origin serves as a bucket.

It is made with nothing of s3lo, so that a mistake of ours in counting cannot hide behind the same
mistake in writing; the same shape gives the same keys.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from perf.stock import BUCKET

_OCI = "application/vnd.oci.image"
_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
_DAY = 86400.0
_SHARED_LAYERS = 5
"""Of all tags of an image."""
_OWN_LAYERS = 3
"""Of each tag."""
_WHOLE = "whole"


@dataclass(frozen=True)
class LargeStore:
    """So many images with so many tags each, and blobs that no tag needs. ``keep_last`` is the rule."""

    images: int = 2000
    tags_each: int = 10
    unneeded: int = 10_000
    keep_last: int = 8

    @property
    def tags(self) -> int:
        return self.images * self.tags_each

    @property
    def blobs(self) -> int:
        shared = self.images * _SHARED_LAYERS
        return shared + self.tags * (_OWN_LAYERS + 1) + self.unneeded

    @property
    def condemned_tags(self) -> int:
        return self.images * max(0, self.tags_each - self.keep_last)

    @property
    def condemned_blobs(self) -> int:
        return self.condemned_tags * (_OWN_LAYERS + 1) + self.unneeded

    def root(self, cache: Path) -> Path:
        """The directory above the bucket, filled if it was not; what a run left half-made is made anew."""
        shape = f"{self.images}-{self.tags_each}-{self.unneeded}-{self.keep_last}"
        root = cache / f"store-{shape}"
        if not (root / _WHOLE).exists():
            shutil.rmtree(root, ignore_errors=True)
            _Writer(root / BUCKET).write(self)
            (root / _WHOLE).touch()
        return root


class _Writer:
    def __init__(self, bucket: Path) -> None:
        self._bucket = bucket
        self._blobs = bucket / "blobs" / "sha256"
        self._now = time.time()

    def write(self, store: LargeStore) -> None:
        self._blobs.mkdir(parents=True)
        rule = f"default: {{lifecycle: {{keep_last: {store.keep_last}}}}}\n"
        self._put(self._bucket / "s3lo.yaml", rule.encode(), 0)
        for number in range(store.unneeded):
            self._blob(f"unneeded {number}", "layer.v1.tar", 1)
        for image in range(store.images):
            shared = [
                self._blob(f"shared {image} {number}", "layer.v1.tar", 99)
                for number in range(_SHARED_LAYERS)
            ]
            for tag in range(store.tags_each):
                self._tag(image, tag, shared, store.tags_each - tag)

    def _tag(self, image: int, tag: int, shared: list[dict[str, object]], days: int) -> None:
        own = [
            self._blob(f"own {image} {tag} {number}", "layer.v1.tar", days)
            for number in range(_OWN_LAYERS)
        ]
        config = {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": []}}
        body = {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": self._blob(_json({**config, "n": [image, tag]}), "config.v1+json", days),
            "layers": [*shared, *own],
        }
        place = self._bucket / "manifests" / f"team{image // 50}" / f"app{image}" / f"v{tag}"
        place.mkdir(parents=True)
        self._put(place / "oci-layout", _LAYOUT, days)
        self._put(place / "manifest.json", _json(body).encode(), days)

    def _blob(self, content: str, kind: str, days: int) -> dict[str, object]:
        raw = content.encode()
        hex_ = hashlib.sha256(raw).hexdigest()
        self._put(self._blobs / hex_, raw, days)
        return {"mediaType": f"{_OCI}.{kind}", "digest": f"sha256:{hex_}", "size": len(raw)}

    def _put(self, path: Path, content: bytes, days: int) -> None:
        path.write_bytes(content)
        then = self._now - days * _DAY
        os.utime(path, (then, then))


def _json(body: object) -> str:
    return json.dumps(body, separators=(",", ":"))
