"""Docker archives: one tar that is right for every reader, and written as a whole or not at all."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s3lo.errors import DestinationExists, IntegrityError, LocalError
from s3lo.events import ignore
from s3lo.model.digest import Digest
from s3lo.model.documents import Manifest, parse_document
from s3lo.transports import docker_archive
from s3lo.transports._zstd import zstd
from s3lo.transports.archive import Wanted, read_stream
from s3lo.transports.docker_archive import FOR_EVERY_DOCKER
from s3lo.transports.image import Compression, PulledImage
from s3lo.transports.packing import Packing
from tests.unit.transports import builders

GZIP: tuple[Compression, ...] = ("gzip",)
LAYERS = [builders.layer("one"), builders.layer("two", 3 << 20), builders.layer("three")]
SUFFIXES = {"zstd": "+zstd", "gzip": "+gzip", "members": "+gzip", "plain": ""}


def _undeclared(content: bytes) -> bytes:
    """A zstd frame without a content size, as a streaming encoder makes it."""
    packer = zstd.ZstdCompressor()
    return bytes(packer.compress(content, packer.FLUSH_BLOCK) + packer.flush())


_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": zstd.compress,
    "gzip": gzip.compress,
    "members": lambda content: gzip.compress(content[:700]) + gzip.compress(content[700:]),
    "plain": bytes,
    "undeclared": _undeclared,
}


def pulled(directory: Path, *kinds: str, layers: list[bytes] | None = None) -> PulledImage:
    """An image with a layer of each kind, as a pull leaves it."""
    plain = layers or LAYERS[: len(kinds)]
    image_config = builders.config(plain)
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    listed = []
    for kind, each in zip(kinds, plain, strict=True):
        content = _PACKERS[kind](each)
        media_type = builders.LAYER_TYPE + SUFFIXES.get(kind, "+zstd")
        listed.append((content, media_type))
    for content in (image_config, *(content for content, _ in listed)):
        (blobs / builders.sha(content)).write_bytes(content)
    manifest = parse_document(builders.manifest(image_config, listed))
    assert isinstance(manifest, Manifest)
    return PulledImage(manifest, blobs)


def archived(
    image: PulledImage,
    *,
    unpacks: tuple[Compression, ...] = FOR_EVERY_DOCKER,
    tags: tuple[str, ...] = (),
) -> bytes:
    return b"".join(docker_archive.chunks(image, tags, unpacks=unpacks))


def entries(archive: bytes) -> list[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return [(each.name, opened.extractfile(each).read()) for each in opened]  # type: ignore[union-attr]


def saved(archive: bytes) -> tuple[dict[str, bytes], Any]:
    files = dict(entries(archive))
    (image,) = json.loads(files["manifest.json"])
    return files, image


@pytest.mark.parametrize("kind", ["zstd", "undeclared"])
def test_a_zstd_layer_becomes_a_plain_tar_where_it_has_to(tmp_path: Path, kind: str) -> None:
    image = pulled(tmp_path, kind, "gzip")
    files, listed = saved(archived(image))
    assert files[listed["Layers"][0]] == LAYERS[0]
    assert gzip.decompress(files[listed["Layers"][1]]) == LAYERS[1]


def test_gzip_of_several_members_is_counted_to_its_end(tmp_path: Path) -> None:
    """The size that its trailer gives is that of the last member."""
    image = pulled(tmp_path, "members", "gzip")
    files, listed = saved(archived(image, unpacks=GZIP))
    assert [files[name] for name in listed["Layers"]] == LAYERS[:2]


@pytest.mark.parametrize("kind", ["plain", "gzip", "zstd"])
@pytest.mark.parametrize("said", ["+gzip", "+zstd"])
def test_a_layer_is_unpacked_as_what_it_is_not_as_what_is_said_of_it(
    tmp_path: Path, kind: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SUFFIXES, kind, said)
    files, listed = saved(archived(pulled(tmp_path, kind), unpacks=("gzip", "zstd")))
    assert files[listed["Layers"][0]] == LAYERS[0]


def test_a_zstd_layer_stays_where_it_is_accepted(tmp_path: Path) -> None:
    image = pulled(tmp_path, "zstd")
    files, listed = saved(archived(image, unpacks=()))
    assert zstd.decompress(files[listed["Layers"][0]]) == LAYERS[0]
    assert files[f"blobs/sha256/{image.manifest.digest.hex}"] == image.manifest.raw


@pytest.mark.parametrize("unpacks", [(), ("zstd",), ("gzip", "zstd")])
def test_every_blob_is_what_its_name_says(tmp_path: Path, unpacks: tuple[Compression, ...]) -> None:
    archive = archived(pulled(tmp_path, "zstd", "gzip", "plain"), unpacks=unpacks)
    blobs = [(name, content) for name, content in entries(archive) if name.startswith("blobs/")]
    assert len(blobs) == 5
    for name, content in blobs:
        assert name == f"blobs/sha256/{builders.sha(content)}"


@pytest.mark.parametrize("unpacks", [(), ("zstd",), ("gzip", "zstd")])
def test_both_forms_describe_the_same_image(
    tmp_path: Path, unpacks: tuple[Compression, ...]
) -> None:
    image = pulled(tmp_path, "zstd", "gzip", "plain")
    files, listed = saved(archived(image, unpacks=unpacks))
    (entry,) = json.loads(files["index.json"])["manifests"]
    manifest = parse_document(files[f"blobs/sha256/{entry['digest'][7:]}"])
    assert isinstance(manifest, Manifest)
    assert manifest.config == image.manifest.config
    assert [f"blobs/sha256/{each.digest.hex}" for each in manifest.layers] == listed["Layers"]
    assert [len(files[name]) for name in listed["Layers"]] == [
        each.size for each in manifest.layers
    ]
    assert listed["Config"] == f"blobs/sha256/{image.manifest.config.digest.hex}"


def test_a_layer_listed_twice_is_there_once(tmp_path: Path) -> None:
    layers = [LAYERS[0], LAYERS[2], LAYERS[0]]
    archive = archived(pulled(tmp_path, "zstd", "zstd", "zstd", layers=layers))
    names = [name for name, _ in entries(archive)]
    assert len(names) == len(set(names))
    files, listed = saved(archive)
    assert [files[name] for name in listed["Layers"]] == layers


def test_names_are_given_as_each_reader_wants_them(tmp_path: Path) -> None:
    image = pulled(tmp_path, "plain")
    files, listed = saved(archived(image, tags=("app", "ghcr.io/o/i:v2")))
    assert listed["RepoTags"] == ["app:latest", "ghcr.io/o/i:v2"]
    annotations = [each["annotations"] for each in json.loads(files["index.json"])["manifests"]]
    assert annotations == [
        {
            "io.containerd.image.name": "docker.io/library/app:latest",
            "org.opencontainers.image.ref.name": "latest",
        },
        {
            "io.containerd.image.name": "ghcr.io/o/i:v2",
            "org.opencontainers.image.ref.name": "v2",
        },
    ]


def test_an_image_may_have_no_name(tmp_path: Path) -> None:
    files, listed = saved(archived(pulled(tmp_path, "plain")))
    assert listed["RepoTags"] is None
    assert "annotations" not in json.loads(files["index.json"])["manifests"][0]


def test_what_we_write_we_read(tmp_path: Path) -> None:
    image = pulled(tmp_path, "gzip", "gzip")
    archive = archived(image, tags=("app:v1",))
    source = read_stream(io.BytesIO(archive), tmp_path, Packing("zstd"), Wanted("app:v1"), ignore)
    assert source.root == image.manifest


def test_a_layer_that_the_reader_has_is_listed_and_not_sent(tmp_path: Path) -> None:
    image = pulled(tmp_path, "gzip", "gzip")
    known = image.manifest.layers[0].digest
    image.path(known).unlink()
    archive = b"".join(docker_archive.chunks(image, [], unpacks=FOR_EVERY_DOCKER, omit=[known]))
    files, listed = saved(archive)
    assert f"blobs/sha256/{known.hex}" in listed["Layers"]
    assert f"blobs/sha256/{known.hex}" not in files


def test_chunks_are_large(tmp_path: Path) -> None:
    image = pulled(tmp_path, "zstd", layers=[builders.layer("x", 40 << 20)])
    sizes = [len(chunk) for chunk in docker_archive.chunks(image, [], unpacks=FOR_EVERY_DOCKER)]
    assert sum(sizes) / len(sizes) > 1 << 20


class Filled:
    """Files that are filled only when their bytes are asked for. ``another``: what was there before
    it was proven was not it."""

    def __init__(self, image: PulledImage, *, another: bool = False) -> None:
        self._paths = {blob.digest: image.path(blob.digest) for blob in image.manifest.blobs}
        self._contents = {digest: path.read_bytes() for digest, path in self._paths.items()}
        self._another = another
        for path in self._paths.values():
            path.write_bytes(bytes(path.stat().st_size))

    def wait_for(self, digest: Digest, start: int, end: int) -> None:
        with self._paths[digest].open("r+b") as file:
            file.seek(start)
            file.write(self._contents[digest][start:end])

    def wait_until_proven(self, digest: Digest) -> bool:
        self._paths[digest].write_bytes(self._contents[digest])
        return not self._another


@pytest.mark.parametrize("kind", ["gzip", "zstd", "undeclared", "plain"])
@pytest.mark.parametrize("hasty", [True, False])
@pytest.mark.parametrize("unpacks", [(), ("gzip", "zstd")])
def test_nothing_is_read_before_it_has_come(
    tmp_path: Path, kind: str, hasty: bool, unpacks: tuple[Compression, ...]
) -> None:
    image = pulled(tmp_path, "gzip", kind, layers=[LAYERS[0], builders.layer("big", 6 << 20)])
    expected = archived(image, unpacks=unpacks)
    coming = Filled(image)
    made = docker_archive.chunks(image, [], unpacks=unpacks, coming=coming, hasty=hasty)
    assert b"".join(made) == expected


def test_in_haste_a_layer_is_sent_before_it_is_proven_and_the_documents_are_not(
    tmp_path: Path,
) -> None:
    image = pulled(tmp_path, "gzip", layers=[builders.layer("big", 6 << 20)])
    coming = Filled(image, another=True)
    archive = docker_archive.chunks(image, [], unpacks=GZIP, coming=coming, hasty=True)
    sent = b""
    with pytest.raises(IntegrityError, match="another"):
        for chunk in archive:
            sent += chunk
    assert len(sent) > 4 << 20
    assert b"manifest.json" not in sent


def test_in_haste_a_gzip_that_tells_a_wrong_size_is_noticed(tmp_path: Path) -> None:
    """Of two members, it tells the second one's."""
    image = pulled(tmp_path, "members", layers=[builders.layer("big", 6 << 20)])
    with pytest.raises(IntegrityError, match="another size"):
        list(docker_archive.chunks(image, [], unpacks=GZIP, hasty=True))
    assert archived(image, unpacks=GZIP)


def test_a_blob_that_is_shorter_than_it_should_be_is_an_error(tmp_path: Path) -> None:
    image = pulled(tmp_path, "gzip")
    path = image.path(image.manifest.layers[0].digest)
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(IntegrityError):
        archived(image)


def test_a_config_of_other_layers_is_an_error(tmp_path: Path) -> None:
    image = pulled(tmp_path, "gzip", "gzip")
    one = parse_document(
        builders.manifest(
            image.path(image.manifest.config.digest).read_bytes(),
            [(image.path(image.manifest.layers[0].digest).read_bytes(), builders.LAYER_TYPE)],
        )
    )
    assert isinstance(one, Manifest)
    with pytest.raises(IntegrityError):
        archived(PulledImage(one, image.blobs_dir))


def test_a_written_archive_is_the_streamed_one(tmp_path: Path) -> None:
    image = pulled(tmp_path / "pull", "zstd")
    path = tmp_path / "out" / "image.tar"
    docker_archive.write(image, path, ["app:v1"], force=False)
    assert path.read_bytes() == archived(image, tags=("app:v1",))
    assert [each.name for each in path.parent.iterdir()] == ["image.tar"]


def test_an_existing_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    image = pulled(tmp_path / "pull", "zstd")
    path = tmp_path / "image.tar"
    path.write_text("mine")
    with pytest.raises(DestinationExists):
        docker_archive.write(image, path, [], force=False)
    assert path.read_text() == "mine"
    docker_archive.write(image, path, [], force=True)
    assert path.read_bytes() == archived(image)


def test_a_file_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = pulled(tmp_path / "pull", "zstd")
    path = tmp_path / "image.tar"
    path.write_text("mine")
    monkeypatch.setattr(docker_archive, "check_destination", lambda *_, **__: None)
    with pytest.raises(DestinationExists):
        docker_archive.write(image, path, [], force=False)
    assert path.read_text() == "mine"


def test_a_directory_is_never_replaced(tmp_path: Path) -> None:
    image = pulled(tmp_path / "pull", "zstd")
    with pytest.raises(DestinationExists):
        docker_archive.write(image, tmp_path, [], force=True)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    image = pulled(tmp_path / "pull", "zstd")
    image.path(image.manifest.layers[0].digest).unlink()
    path = tmp_path / "out" / "image.tar"
    path.parent.mkdir()
    path.write_text("mine")
    with pytest.raises(LocalError):
        docker_archive.write(image, path, [], force=True)
    assert path.read_text() == "mine"
    assert [each.name for each in path.parent.iterdir()] == ["image.tar"]


def test_a_device_or_a_fifo_is_never_replaced(tmp_path: Path) -> None:
    """As root, --force made a regular file of /dev/null."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/dev/null")
    for path in (tmp_path / "fifo", tmp_path / "link", Path("/dev/null")):
        for force in (False, True):
            with pytest.raises(DestinationExists, match="not a regular file"):
                docker_archive.check_destination(path, force=force)


def test_a_file_in_the_place_of_a_directory_is_found_before_the_transfer(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError):
        docker_archive.check_destination(tmp_path / "file" / "image.tar", force=False)
