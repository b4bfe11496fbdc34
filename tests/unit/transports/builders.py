"""Builders: archives and layouts of every form, made in memory with the standard library alone,
and what is looked at of an image that was made of one."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s3lo.model.digest import Digest
from s3lo.transports._zstd import zstd
from s3lo.transports.image import BlobFile, SourceImage

OCI = "application/vnd.oci.image"
MANIFEST_TYPE = f"{OCI}.manifest.v1+json"
INDEX_TYPE = f"{OCI}.index.v1+json"
CONFIG_TYPE = f"{OCI}.config.v1+json"
LAYER_TYPE = f"{OCI}.layer.v1.tar"
Files = dict[str, "bytes | Link"]
Reader = Callable[..., SourceImage]
"""Makes an image of an archive's bytes."""
_OPENERS: dict[str, Callable[[bytes], bytes]] = {
    "+zstd": zstd.decompress,
    "+gzip": gzip.decompress,
    "": bytes,
}


@dataclass(frozen=True)
class Link:
    """A symbolic link in an archive, or a hard one."""

    target: str
    is_hard: bool = False


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def to_json(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def tar(files: Mapping[str, bytes | Link], format: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, Link):
                info.type = tarfile.LNKTYPE if content.is_hard else tarfile.SYMTYPE
                info.linkname = content.target
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def layer(text: str, size: int = 3000) -> bytes:
    """An uncompressed layer; different texts give different ones."""
    return tar({f"{text}.txt": (text * size)[:size].encode()})


def config(layers: Sequence[bytes], architecture: str = "amd64") -> bytes:
    """A config for uncompressed layers."""
    diff_ids = [f"sha256:{sha(each)}" for each in layers]
    rootfs = {"type": "layers", "diff_ids": diff_ids}
    return to_json({"architecture": architecture, "os": "linux", "rootfs": rootfs})


def old_save(layers: Sequence[bytes], tag: str = "app:v1") -> Files:
    """What Docker 20.10 saves: a layer that repeats is a link to the first one."""
    image_config = config(layers)
    files: Files = {}
    first: dict[bytes, str] = {}
    ids = [sha(f"{number}".encode() + each) for number, each in enumerate(layers)]
    for id_, each in zip(ids, layers, strict=True):
        files[f"{id_}/VERSION"] = b"1.0"
        files[f"{id_}/json"] = to_json({"id": id_})
        known = first.setdefault(each, id_)
        files[f"{id_}/layer.tar"] = each if known == id_ else Link(f"../{known}/layer.tar")
    name = f"{sha(image_config)}.json"
    files[name] = image_config
    listed = [f"{id_}/layer.tar" for id_ in ids]
    files["manifest.json"] = to_json([{"Config": name, "RepoTags": [tag], "Layers": listed}])
    return files


def descriptor(content: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    return {
        "mediaType": media_type,
        "digest": f"sha256:{sha(content)}",
        "size": len(content),
        **more,
    }


def blob(content: bytes) -> tuple[str, bytes]:
    return f"blobs/sha256/{sha(content)}", content


def manifest(image_config: bytes, layers: Sequence[tuple[bytes, str]], **more: Any) -> bytes:
    return to_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": descriptor(image_config, CONFIG_TYPE),
            "layers": [descriptor(content, media_type) for content, media_type in layers],
            **more,
        }
    )


def index(entries: Sequence[dict[str, Any]]) -> bytes:
    return to_json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": list(entries)})


def layout(entries: Sequence[dict[str, Any]], blobs: Sequence[bytes]) -> Files:
    files: Files = dict(blob(content) for content in blobs)
    files["index.json"] = index(entries)
    files["oci-layout"] = to_json({"imageLayoutVersion": "1.0.0"})
    return files


def plain_layout(layers: Sequence[bytes], name: str = "v1", **more: Any) -> Files:
    """A layout with one image of uncompressed layers, as Docker 25 and later save it."""
    image_config = config(layers)
    document = manifest(image_config, [(each, LAYER_TYPE) for each in layers], **more)
    entry = descriptor(document, MANIFEST_TYPE, annotations=_names(name))
    return layout([entry], [image_config, *layers, document])


def gzip_layout(layers: Sequence[bytes], name: str = "v1") -> Files:
    """A layout with one image of gzip layers."""
    image_config = config(layers)
    packed = [gzip.compress(each, mtime=0) for each in layers]
    document = manifest(image_config, [(each, f"{LAYER_TYPE}+gzip") for each in packed])
    entry = descriptor(document, MANIFEST_TYPE, annotations=_names(name))
    return layout([entry], [image_config, *packed, document])


def _names(name: str) -> dict[str, str]:
    return {"org.opencontainers.image.ref.name": name}


def platform_image(architecture: str, packed: bool = True) -> tuple[dict[str, Any], list[bytes]]:
    """The index entry of one platform's image, and its blobs, the manifest last."""
    plain = layer(architecture)
    image_config = config([plain], architecture)
    content = gzip.compress(plain, mtime=0) if packed else plain
    media_type = f"{LAYER_TYPE}+gzip" if packed else LAYER_TYPE
    document = manifest(image_config, [(content, media_type)])
    platform = {"os": "linux", "architecture": architecture}
    entry = descriptor(document, MANIFEST_TYPE, platform=platform)
    return entry, [image_config, content, document]


def attestation(subject: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """What BuildKit says about an image, as another image of the same index."""
    statement = to_json({"_type": "in-toto"})
    image_config = to_json(
        {
            "architecture": "unknown",
            "os": "unknown",
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha(statement)}"]},
        }
    )
    document = manifest(image_config, [(statement, "application/vnd.in-toto+json")])
    annotations = {
        "vnd.docker.reference.digest": subject["digest"],
        "vnd.docker.reference.type": "attestation-manifest",
    }
    platform = {"os": "unknown", "architecture": "unknown"}
    entry = descriptor(document, MANIFEST_TYPE, platform=platform, annotations=annotations)
    return entry, [image_config, statement, document]


def write_tree(files: Mapping[str, bytes | Link], directory: Path) -> Path:
    """The same entries as files of a directory."""
    for name, content in files.items():
        assert isinstance(content, bytes)
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return directory


def content_of(file: BlobFile) -> bytes:
    with open(file.path, "rb") as source:
        source.seek(file.offset)
        return source.read(file.size)


def check(image: SourceImage) -> None:
    """Assert that every blob an image names is there and is what its name says."""
    for each in image.manifests:
        for named in each.blobs:
            found = image.blobs[named.digest]
            content = content_of(found)
            assert (Digest.of(content), len(content)) == (named.digest, named.size)
            assert found.digest == named.digest


def unpacked(image: SourceImage) -> list[bytes]:
    """The layers' tars."""
    (manifest,) = image.manifests
    return [
        _OPENERS[layer.media_type.removeprefix(LAYER_TYPE)](content_of(image.blobs[layer.digest]))
        for layer in manifest.layers
    ]


def bytes_of(content: bytes | Link) -> bytes:
    assert isinstance(content, bytes)
    return content
