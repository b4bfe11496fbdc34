"""Stock: images made once and kept between runs, each as an OCI layout and as a bucket to serve."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from perf.contender import BLOBS, Blob
from perf.workload import Shape
from s3lo.transports.decompression import compression_of, decompress
from s3lo.transports.streams import open_range, pieces
from tests.images import image_of, write_oci_layout
from tests.wheels import download, image_of_wheels

BUCKET = "bucket"
IMAGE = "perf:v1"
_PIECE_BYTES = 1 << 20
_OCI = "application/vnd.oci.image"


def default_cache() -> Path:
    """Where images are kept between runs; about 15 GB after all workloads."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "s3lo-perf"


@dataclass(frozen=True)
class StockImage:
    """An image on this machine, ready to be pushed from and served."""

    directory: Path

    @property
    def layout(self) -> Path:
        return self.directory / "layout"

    @property
    def root(self) -> Path:
        """What an origin serves: one folder, the bucket; its blobs are those of the layout."""
        return self.directory / "root"

    @cached_property
    def manifest(self) -> dict[str, Any]:
        name, _, tag = IMAGE.partition(":")
        path = self.root / BUCKET / "manifests" / name / tag / "manifest.json"
        manifest: dict[str, Any] = json.loads(path.read_text())
        return manifest

    @cached_property
    def blobs(self) -> tuple[Blob, ...]:
        """Config and layers, each once."""
        described = [self.manifest["config"], *self.manifest["layers"]]
        sizes = {d["digest"].removeprefix("sha256:"): d["size"] for d in described}
        return tuple(Blob(hex_, size) for hex_, size in sizes.items())

    @property
    def total_bytes(self) -> int:
        return sum(blob.size for blob in self.blobs)

    def path(self, blob: Blob) -> Path:
        return self.layout / blob.key


def stock_image(shape: Shape, cache: Path) -> StockImage:
    """The image of a shape, made if it is not whole in the cache; same shape, same digests."""
    kept = cache / shape.key
    if not _is_whole(kept):
        # A contender that writes where it should read leaves a blob of another size.
        shutil.rmtree(kept, ignore_errors=True)
        cache.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix="draft-", dir=cache))
        try:
            _make(shape, draft, cache / "wheels")
            draft.rename(kept)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    return StockImage(kept)


def plain_layer(image: StockImage, descriptor: Mapping[str, Any]) -> Iterator[bytes]:
    """A layer's content, decompressed, in pieces."""
    path = image.layout / BLOBS / descriptor["digest"].removeprefix("sha256:")
    with open_range(path, 0, descriptor["size"]) as source:
        yield from pieces(decompress(source, compression_of(path)))


def _is_whole(kept: Path) -> bool:
    image = StockImage(kept)
    try:
        return all(image.path(blob).stat().st_size == blob.size for blob in image.blobs)
    except (OSError, ValueError):
        return False


def _make(shape: Shape, directory: Path, wheels: Path) -> None:
    layout = directory / "layout"
    if shape.wheels:
        _make_of_wheels(shape, layout, wheels / "-".join(shape.wheels))
    else:
        _make_of_blobs(shape, layout)
    [entry] = json.loads((layout / "index.json").read_text())["manifests"]
    blobs = layout / BLOBS
    served = directory / "root" / BUCKET
    shutil.copytree(blobs, served / BLOBS, copy_function=os.link)
    name, _, tag = IMAGE.partition(":")
    manifest = served / "manifests" / name / tag / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_bytes((blobs / entry["digest"].removeprefix("sha256:")).read_bytes())


def _make_of_wheels(shape: Shape, layout: Path, wheels: Path) -> None:
    wheels.mkdir(parents=True, exist_ok=True)
    kept = sorted(wheels.glob("*.whl")) or download(
        shape.wheels, wheels, dependencies=False, platforms=shape.wheels_of
    )
    with tempfile.TemporaryDirectory(prefix="unpacked-", dir=layout.parent) as unpacked:
        image = image_of_wheels(kept, shape.layers, Path(unpacked))
        write_oci_layout(image, layout)


def _make_of_blobs(shape: Shape, layout: Path) -> None:
    """They call themselves gzip, so that a push takes them as they are; noise nothing compresses."""
    blobs = layout / BLOBS
    blobs.mkdir(parents=True)
    layers = [
        {
            "mediaType": f"{_OCI}.layer.v1.tar+gzip",
            "digest": _write_blob(shape, blobs, seed=f"{shape.key}-{number}"),
            "size": shape.blob_bytes,
        }
        for number in range(shape.blobs)
    ]
    config = image_of([]).config
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": _describe(blobs, config, f"{_OCI}.config.v1+json"),
        "layers": layers,
    }
    entry = _describe(blobs, json.dumps(manifest).encode(), f"{_OCI}.manifest.v1+json")
    index = {"schemaVersion": 2, "manifests": [entry]}
    (layout / "index.json").write_text(json.dumps(index))
    (layout / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))


def _write_blob(shape: Shape, blobs: Path, seed: str) -> str:
    if not shape.sparse:
        return _write(blobs, _noise(shape.blob_bytes, seed))
    zeros, found = bytes(_PIECE_BYTES), hashlib.sha256()
    for start in range(0, shape.blob_bytes, _PIECE_BYTES):
        found.update(zeros[: shape.blob_bytes - start])
    with open(blobs / found.hexdigest(), "wb") as file:
        file.truncate(shape.blob_bytes)
    return f"sha256:{found.hexdigest()}"


def _noise(size: int, seed: str) -> Iterator[bytes]:
    source = random.Random(seed)
    for start in range(0, size, _PIECE_BYTES):
        yield source.randbytes(min(_PIECE_BYTES, size - start))


def _describe(blobs: Path, content: bytes, media_type: str) -> dict[str, Any]:
    digest = _write(blobs, iter([content]))
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _write(blobs: Path, pieces: Iterator[bytes]) -> str:
    """Write a blob under its digest, which it gives."""
    draft = blobs / "draft"
    found = hashlib.sha256()
    with open(draft, "wb") as file:
        for piece in pieces:
            found.update(piece)
            file.write(piece)
    draft.rename(blobs / found.hexdigest())
    return f"sha256:{found.hexdigest()}"
