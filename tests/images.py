"""Images: small and big real ones, made of real files with the standard library alone.

Nothing of s3lo is used, so that a mistake of ours in reading a format cannot hide behind the same
mistake in writing it. The same content gives the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import platform
import random
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tests.servers.process import Missing

HELLO = "hello from a tiny image"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_OCI = "application/vnd.oci.image"
_PROGRAM = '#include <stdio.h>\nint main(void) { puts("%s"); return 0; }\n'
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Layer:
    """An uncompressed tar in a file; its digest is what a config calls a diff id."""

    path: Path
    digest: str
    size: int


@dataclass(frozen=True)
class Image:
    """Layers, bottom first, and the config that names them."""

    layers: tuple[Layer, ...]
    config: bytes

    @property
    def id(self) -> str:
        """As Docker shows it, in full."""
        return _digest(self.config)


def tiny_static_image(directory: Path, line: str = HELLO) -> Image:
    """One layer with one static program that prints a line; raises Missing without means."""
    compiler = shutil.which("cc")
    busybox = shutil.which("busybox")
    program = directory / "hello"
    if compiler:
        source = directory / "hello.c"
        source.write_text(_PROGRAM % line)
        command = [compiler, "-static", "-Os", "-s", "-o", str(program), str(source)]
        if subprocess.run(command, check=False, capture_output=True).returncode == 0:
            layer = _layer(directory / "tiny.tar", [("hello", program)])
            return image_of([layer], entrypoint=["/hello"])
    if busybox and _is_static(Path(busybox)):
        layer = _layer(directory / "tiny.tar", [("busybox", Path(busybox))])
        return image_of([layer], entrypoint=["/busybox", "echo", line])
    raise Missing("no static program for an image: apt-get install gcc libc6-dev")


def _is_static(program: Path) -> bool:
    """A dynamic ELF program names its interpreter near the start of the file."""
    return b"/ld-" not in program.read_bytes()[:4096]


def sized_image(
    directory: Path, layer_bytes: Sequence[int] = (3_000_000, 2_000_000), seed: int = 0
) -> Image:
    """Layers of about these sizes that no compression makes smaller; the default: 5 MB, 3 blobs."""
    layers = []
    for number, size in enumerate(layer_bytes):
        content = directory / f"content-{seed}-{number}"
        _write_noise(content, size, random.Random(f"{seed}-{number}"))
        layers.append(_layer(directory / f"{content.name}.tar", [(content.name, content)]))
        content.unlink()
    return image_of(layers)


def _write_noise(path: Path, size: int, source: random.Random) -> None:
    with open(path, "wb") as file:
        for start in range(0, size, _PIECE_BYTES):
            file.write(source.randbytes(min(_PIECE_BYTES, size - start)))


def layers_from_paths(
    directory: Path, roots: Sequence[Path], layer_limit_bytes: int = 1 << 40
) -> tuple[Layer, ...]:
    """A layer of the real files below each root, in a fixed order, up to a size for each.

    What cannot be read is left out.
    """
    return tuple(
        _layer(directory / f"root-{number}.tar", _files_below(root, layer_limit_bytes))
        for number, root in enumerate(roots)
    )


def _files_below(root: Path, limit_bytes: int) -> Iterator[tuple[str, Path]]:
    """Names in a layer and where their content lies: regular files, by path, while they fit."""
    left = limit_bytes
    for directory, below, names in os.walk(root):
        below.sort()
        for path in (Path(directory, name) for name in sorted(names)):
            if left < limit_bytes // 100:
                return
            with suppress(OSError):
                status = path.lstat()
                if stat.S_ISREG(status.st_mode) and status.st_size <= left:
                    left -= status.st_size
                    yield str(path).lstrip("/"), path


def image_of(layers: Sequence[Layer], entrypoint: Sequence[str] = ("/none",)) -> Image:
    """An image of this machine's architecture."""
    machine = platform.machine()
    config = {
        "created": "1970-01-01T00:00:00Z",
        "architecture": _ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": {"Entrypoint": list(entrypoint)},
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "tests"} for _ in layers],
    }
    return Image(tuple(layers), _json(config))


def write_oci_layout(
    image: Image, destination: Path, *, name: str = "latest", compress: bool = True
) -> str:
    """Write an OCI image layout and give the manifest's digest; layers gzipped or as they are."""
    blobs = destination / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": _put(blobs, image.config, f"{_OCI}.config.v1+json"),
        "layers": [_put_layer(blobs, layer, compress) for layer in image.layers],
    }
    entry = _put(blobs, _json(manifest), f"{_OCI}.manifest.v1+json")
    entry["annotations"] = {"org.opencontainers.image.ref.name": name}
    index = {"schemaVersion": 2, "mediaType": f"{_OCI}.index.v1+json", "manifests": [entry]}
    (destination / "index.json").write_bytes(_json(index))
    (destination / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    return str(entry["digest"])


def write_docker_archive(image: Image, destination: Path, tag: str) -> None:
    """Write what Docker 20.10 saves: a directory with a ``layer.tar`` each, ``manifest.json``."""
    ids = list(_chain_ids(image.layers))
    config_name = f"{_hex(image.id)}.json"
    manifest = [
        {"Config": config_name, "RepoTags": [tag], "Layers": [f"{i}/layer.tar" for i in ids]}
    ]
    repository, _, tag_name = tag.rpartition(":")
    with tarfile.open(destination, "w", format=tarfile.GNU_FORMAT) as archive:
        for id_, layer in zip(ids, image.layers, strict=True):
            _add(archive, f"{id_}/VERSION", b"1.0")
            _add(archive, f"{id_}/json", _json({"id": id_}))
            with open(layer.path, "rb") as content:
                archive.addfile(_entry(f"{id_}/layer.tar", layer.size), content)
        _add(archive, config_name, image.config)
        _add(archive, "manifest.json", _json(manifest))
        _add(archive, "repositories", _json({repository: {tag_name: ids[-1]}}))


def _chain_ids(layers: Iterable[Layer]) -> Iterator[str]:
    """A directory name for each layer that depends on those below, as Docker's do."""
    chain = ""
    for layer in layers:
        chain = _hex(_digest(f"{chain} {layer.digest}".encode()))
        yield chain


def _layer(path: Path, files: Iterable[tuple[str, Path]]) -> Layer:
    """Write a tar that depends on names and content only."""
    with open(path, "wb") as raw:
        sink = _Hashed(raw)
        with tarfile.open(fileobj=sink, mode="w|", format=tarfile.GNU_FORMAT) as archive:
            for name, source in files:
                with suppress(PermissionError), open(source, "rb") as content:
                    size = content.seek(0, io.SEEK_END)
                    content.seek(0)
                    archive.addfile(_entry(name, size, 0o755), content)
    return Layer(path, f"sha256:{sink.hash.hexdigest()}", sink.size)


class _Hashed(io.RawIOBase):
    """A file that knows the digest and the size of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        self.hash.update(data)
        self.size += len(data)
        return self._file.write(data)


def _entry(name: str, size: int, mode: int = 0o644) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, mode
    return entry


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    archive.addfile(_entry(name, len(content)), io.BytesIO(content))


def _put(blobs: Path, content: bytes, media_type: str) -> dict[str, Any]:
    digest = _digest(content)
    (blobs / _hex(digest)).write_bytes(content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _put_layer(blobs: Path, layer: Layer, compress: bool) -> dict[str, Any]:
    if not compress:
        shutil.copyfile(layer.path, blobs / _hex(layer.digest))
        media_type = f"{_OCI}.layer.v1.tar"
        return {"mediaType": media_type, "digest": layer.digest, "size": layer.size}
    draft = blobs / "draft"
    with open(draft, "wb") as raw, open(layer.path, "rb") as content:
        sink = _Hashed(raw)
        with gzip.GzipFile("", "wb", 1, sink, mtime=0) as packed:
            shutil.copyfileobj(content, packed, _PIECE_BYTES)
    draft.rename(blobs / sink.hash.hexdigest())
    digest = f"sha256:{sink.hash.hexdigest()}"
    return {"mediaType": f"{_OCI}.layer.v1.tar+gzip", "digest": digest, "size": sink.size}


def _json(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")
