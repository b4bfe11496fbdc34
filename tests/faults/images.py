"""Images of the fault tests as they lie in a layout, a bucket, a local store: put and looked at
without s3lo."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.images import sized_image, write_oci_layout
from tests.servers import SeaweedS3

_OCI_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


@dataclass(frozen=True)
class Layout:
    """An OCI layout with one image; layers that no compression makes smaller, gzipped."""

    path: Path
    digest: str

    @property
    def manifest(self) -> bytes:
        return self.blob(self.digest)

    @property
    def blobs(self) -> tuple[str, ...]:
        """The digests of config and layers."""
        document = json.loads(self.manifest)
        return tuple(each["digest"] for each in (document["config"], *document["layers"]))

    @property
    def largest(self) -> str:
        return max(self.blobs, key=lambda digest: len(self.blob(digest)))

    def blob(self, digest: str) -> bytes:
        return (self.path / "blobs" / "sha256" / _hex(digest)).read_bytes()


def make_layout(directory: Path, layer_bytes: Sequence[int], seed: int = 0) -> Layout:
    image = sized_image(directory, layer_bytes, seed)
    path = directory / f"layout-{seed}"
    return Layout(path, write_oci_layout(image, path))


def key_of(digest: str) -> str:
    return f"blobs/sha256/{_hex(digest)}"


class Bucket:
    """A bucket seen from behind the curtain."""

    def __init__(self, seaweed: SeaweedS3, name: str) -> None:
        self.name = name
        self._client: Any = seaweed.client

    def reference(self, tag: str = "v1") -> str:
        return f"s3://{self.name}/app:{tag}"

    def put(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=self.name, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        body: bytes = self._client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def modified(self, key: str) -> Any:
        """When and as what it was written last."""
        found = self._client.head_object(Bucket=self.name, Key=key)
        return found["LastModified"], found["ETag"]

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=self.name, Key=key)

    def keys(self) -> set[str]:
        listed = self._client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return {each["Key"] for each in listed}

    def uploads(self) -> list[Any]:
        """Multipart uploads that are open."""
        found: list[Any] = self._client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return found

    def parts(self, upload: Any) -> dict[int, int]:
        """Of an open upload: sizes by number."""
        listed = self._client.list_parts(
            Bucket=self.name, Key=upload["Key"], UploadId=upload["UploadId"]
        )
        return {part["PartNumber"]: part["Size"] for part in listed.get("Parts", [])}

    def leave_upload(self, key: str, parts: Mapping[int, bytes]) -> None:
        """Begin a multipart upload as s3lo would, and leave these parts in it."""
        begun = self._client.create_multipart_upload(
            Bucket=self.name,
            Key=key,
            ChecksumAlgorithm="CRC64NVME",
            ChecksumType="FULL_OBJECT",
            StorageClass="INTELLIGENT_TIERING",
        )
        for number, body in parts.items():
            self._client.upload_part(
                Bucket=self.name,
                Key=key,
                UploadId=begun["UploadId"],
                PartNumber=number,
                Body=body,
                ChecksumAlgorithm="CRC64NVME",
            )

    def fill(self, layout: Layout, tag: str = "v1") -> None:
        """Store an image as STORAGE says."""
        for digest in layout.blobs:
            self.put(key_of(digest), layout.blob(digest))
        self.put(f"manifests/app/{tag}/oci-layout", _OCI_LAYOUT)
        self.put(f"manifests/app/{tag}/manifest.json", layout.manifest)

    def check_whole(self, layout: Layout, tag: str = "v1") -> None:
        """The tag is there with everything it needs, and no upload is open."""
        assert self.get(f"manifests/app/{tag}/manifest.json") == layout.manifest
        for digest in layout.blobs:
            assert self.get(key_of(digest)) == layout.blob(digest)
        assert self.uploads() == []

    def check_untagged(self) -> None:
        """No tag is to be seen, what lies there is what its name says, and no upload is open."""
        keys = self.keys()
        assert not [key for key in keys if key.endswith("/manifest.json")]
        for key in keys:
            if key.startswith("blobs/"):
                assert hashlib.sha256(self.get(key)).hexdigest() == key.rpartition("/")[2]
        assert self.uploads() == []


def fill_local(root: Path, layout: Layout, tag: str = "v1") -> None:
    """Make a local store with an image in it."""
    blobs, place = root / "blobs" / "sha256", root / "manifests" / "app" / tag
    blobs.mkdir(parents=True, exist_ok=True)
    place.mkdir(parents=True)
    for digest in layout.blobs:
        shutil.copy(layout.path / key_of(digest), blobs)
    (place / "oci-layout").write_bytes(_OCI_LAYOUT)
    (place / "manifest.json").write_bytes(layout.manifest)


def check_layout(path: Path, layout: Layout) -> None:
    """A pulled layout is whole: the image's blobs byte for byte, and nothing else."""
    found = {each.name: each.read_bytes() for each in (path / "blobs" / "sha256").iterdir()}
    assert found == {_hex(d): layout.blob(d) for d in (layout.digest, *layout.blobs)}
    [entry] = json.loads((path / "index.json").read_bytes())["manifests"]
    assert entry["digest"] == layout.digest
    assert {each.name for each in path.iterdir()} == {"blobs", "index.json", "oci-layout"}
    assert names_in(path.parent) & {path.name} == {path.name}
    check_nothing_staged(path.parent)


def check_nothing_staged(directory: Path) -> None:
    staged = {name for name in names_in(directory) if ".s3lo-" in name}
    assert not staged, [str(path) for name in staged for path in (directory / name).rglob("*")]


def names_in(directory: Path) -> set[str]:
    return {each.name for each in directory.iterdir()}


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")
