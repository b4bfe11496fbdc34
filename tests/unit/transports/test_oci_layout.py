"""OCI layouts: read where they lie, written for others to read, never put over what is not one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from s3lo.errors import (
    DestinationExists,
    DigestMismatch,
    IntegrityError,
    NotFoundError,
    SizeMismatch,
    UsageError,
)
from s3lo.events import ignore
from s3lo.model.documents import Index, Manifest, parse_document
from s3lo.model.platform import Platform
from s3lo.staging import Staging
from s3lo.transports import layout_reader, oci_layout
from s3lo.transports.image import Compression, SourceImage
from s3lo.transports.packing import Packing
from tests.unit.transports import builders

LAYERS = [builders.layer("one"), builders.layer("two", 6000)]


def read(
    directory: Path,
    compression: Compression = "zstd",
    name: str = "",
    *platforms: Platform,
) -> SourceImage:
    staging = directory.parent / "staging"
    image = layout_reader.read(
        directory, staging, Packing(compression), name=name, platforms=platforms, observer=ignore
    )
    builders.check(image)
    return image


def test_compressed_layers_are_taken_from_where_they_lie(tmp_path: Path) -> None:
    layout = builders.write_tree(builders.gzip_layout(LAYERS), tmp_path / "layout")
    image = read(layout)
    blobs = layout / "blobs" / "sha256"
    assert {blob.path for blob in image.blobs.values()} <= set(blobs.iterdir())
    assert (blobs / image.root.digest.hex).read_bytes() == image.root.raw


def test_plain_layers_are_compressed_into_staging(tmp_path: Path) -> None:
    layout = builders.write_tree(builders.plain_layout(LAYERS), tmp_path / "layout")
    before = sorted(layout.rglob("*"))
    image = read(layout)
    assert isinstance(image.root, Manifest)
    for layer in image.root.layers:
        assert layer.media_type.endswith("+zstd")
        assert image.blobs[layer.digest].path.is_relative_to(tmp_path / "staging")
        assert image.blobs[layer.digest].is_verified
    assert sorted(layout.rglob("*")) == before


def test_one_of_several_images_is_chosen_by_reference_name(tmp_path: Path) -> None:
    one = builders.gzip_layout(LAYERS[:1], "one")
    two = builders.gzip_layout(LAYERS, "two")
    entries = [json.loads(each["index.json"])["manifests"][0] for each in (one, two)]  # type: ignore[arg-type]
    files = {**one, **two, "index.json": builders.index(entries)}
    layout = builders.write_tree(files, tmp_path / "layout")
    assert read(layout, name="two").root.digest == entries[1]["digest"]
    with pytest.raises(UsageError) as caught:
        read(layout)
    assert "one, two" in caught.value.hint
    with pytest.raises(NotFoundError) as missing:
        read(layout, name="three")
    assert "one, two" in missing.value.hint


def test_an_image_under_two_names_needs_no_name(tmp_path: Path) -> None:
    files = builders.gzip_layout(LAYERS, "one")
    entry = json.loads(files["index.json"])["manifests"][0]  # type: ignore[arg-type]
    other = {**entry, "annotations": {"org.opencontainers.image.ref.name": "two"}}
    files["index.json"] = builders.index([entry, other])
    layout = builders.write_tree(files, tmp_path / "layout")
    assert read(layout).root.digest == entry["digest"]


def test_an_index_inside_the_index_is_the_image(tmp_path: Path) -> None:
    found = [builders.platform_image(each) for each in ("amd64", "arm64")]
    raw = builders.index([entry for entry, _ in found])
    blobs = [raw, *(blob for _, each in found for blob in each)]
    files = builders.layout([builders.descriptor(raw, builders.INDEX_TYPE)], blobs)
    layout = builders.write_tree(files, tmp_path / "layout")
    image = read(layout)
    assert isinstance(image.root, Index)
    assert image.root.raw == raw
    single = read(layout, "zstd", "", Platform("linux", "arm64"))
    assert single.root == image.manifests[1]


def _several(directory: Path, *architectures: str) -> tuple[Path, list[str]]:
    """A layout with an index of these, an attestation after each; and the digests of its entries."""
    entries, blobs = [], []
    for architecture in architectures:
        entry, own = builders.platform_image(architecture)
        attesting, others = builders.attestation(entry)
        entries += [entry, attesting]
        blobs += [*own, *others]
    raw = builders.index(entries)
    files = builders.layout([builders.descriptor(raw, builders.INDEX_TYPE)], [raw, *blobs])
    return builders.write_tree(files, directory), [entry["digest"] for entry in entries]


def test_of_several_platforms_an_index_of_these_is_taken_with_what_attests_them(
    tmp_path: Path,
) -> None:
    layout, digests = _several(tmp_path / "layout", "amd64", "arm64", "s390x")
    whole = read(layout)
    wanted = (Platform("linux", "s390x"), Platform("linux", "amd64"), Platform("linux", "amd64"))
    image = read(layout, "zstd", "", *wanted)
    assert isinstance(image.root, Index)
    assert [entry.digest for entry in image.root.manifests] == digests[:2] + digests[4:]
    assert image.root.platforms == (Platform("linux", "amd64"), Platform("linux", "s390x"))
    assert image.root.digest != whole.root.digest
    assert {manifest.digest for manifest in image.manifests} == {*digests[:2], *digests[4:]}


def test_an_index_of_all_its_platforms_stays_untouched(tmp_path: Path) -> None:
    layout, _ = _several(tmp_path / "layout", "amd64", "arm64")
    wanted = (Platform("linux", "amd64"), Platform("linux", "arm64"))
    assert read(layout, "zstd", "", *wanted).root == read(layout).root


def test_one_of_several_platforms_that_is_not_there_is_named(tmp_path: Path) -> None:
    layout, _ = _several(tmp_path / "layout", "amd64", "arm64")
    wanted = (Platform("linux", "amd64"), Platform("linux", "s390x"))
    with pytest.raises(NotFoundError, match="not there for linux/s390x") as caught:
        read(layout, "zstd", "", *wanted)
    assert "linux/amd64, linux/arm64" in caught.value.hint


def test_an_image_of_one_platform_is_not_there_for_two(tmp_path: Path) -> None:
    layout = builders.write_tree(builders.gzip_layout(LAYERS), tmp_path / "layout")
    with pytest.raises(NotFoundError, match="linux/arm64"):
        read(layout, "zstd", "", Platform("linux", "amd64"), Platform("linux", "arm64"))


def test_a_layout_that_lacks_a_platform_s_blob_is_damaged(tmp_path: Path) -> None:
    found = [builders.platform_image(each) for each in ("amd64", "arm64")]
    raw = builders.index([entry for entry, _ in found])
    blobs = [raw, *found[0][1], found[1][1][2]]
    files = builders.layout([builders.descriptor(raw, builders.INDEX_TYPE)], blobs)
    with pytest.raises(IntegrityError):
        read(builders.write_tree(files, tmp_path / "layout"))


def test_no_layout_is_not_found(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "absent"):
        with pytest.raises(NotFoundError):
            read(directory)


def test_a_blob_of_another_size_is_an_integrity_error(tmp_path: Path) -> None:
    layout = builders.write_tree(builders.gzip_layout(LAYERS), tmp_path / "layout")
    blobs = sorted((layout / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    blobs[-1].write_bytes(b"short")
    with pytest.raises(SizeMismatch):
        read(layout)


def test_a_document_that_was_changed_is_an_integrity_error(tmp_path: Path) -> None:
    files = builders.gzip_layout(LAYERS)
    layout = builders.write_tree(files, tmp_path / "layout")
    path = layout / "blobs" / "sha256" / read(layout).root.digest.hex
    path.write_bytes(path.read_bytes().replace(b"schemaVersion", b"SchemaVersion"))
    with pytest.raises(DigestMismatch):
        read(layout)


def test_a_plain_layer_that_was_changed_is_found_while_compressing(tmp_path: Path) -> None:
    layout = builders.write_tree(builders.plain_layout(LAYERS), tmp_path / "layout")
    path = layout / "blobs" / "sha256" / builders.sha(LAYERS[0])
    path.write_bytes(LAYERS[0].replace(b"one", b"eno"))
    with pytest.raises(DigestMismatch):
        read(layout)


def test_something_else_than_a_file_is_no_blob(tmp_path: Path) -> None:
    layout = builders.write_tree(builders.gzip_layout(LAYERS), tmp_path / "layout")
    path = layout / "blobs" / "sha256" / builders.sha(builders.config(LAYERS))
    path.unlink()
    path.mkdir()
    with pytest.raises(IntegrityError):
        read(layout)


def written(directory: Path) -> Manifest:
    """A layout's documents written beside blobs that are there already."""
    source = builders.gzip_layout(LAYERS)
    entry = json.loads(source["index.json"])["manifests"][0]  # type: ignore[arg-type]
    raw = source.pop(f"blobs/sha256/{entry['digest'][7:]}")
    assert isinstance(raw, bytes)
    manifest = parse_document(raw)
    assert isinstance(manifest, Manifest)
    del source["index.json"], source["oci-layout"]
    builders.write_tree(source, directory)
    oci_layout.write_documents(directory, manifest, "v1")
    return manifest


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    manifest = written(tmp_path / "layout")
    assert read(tmp_path / "layout", name="v1").root == manifest
    assert read(tmp_path / "layout").root == manifest


def test_an_index_is_written_with_the_manifests_it_names(tmp_path: Path) -> None:
    found = [builders.platform_image(each) for each in ("amd64", "arm64")]
    raw = builders.index([entry for entry, _ in found])
    files = builders.layout([], [blob for _, each in found for blob in each[:-1]])
    layout = builders.write_tree(files, tmp_path / "layout")
    root = parse_document(raw)
    manifests = tuple(parse_document(each[-1]) for _, each in found)
    oci_layout.write_documents(layout, root, "", manifests)  # type: ignore[arg-type]
    assert read(layout).root == root


@pytest.mark.parametrize("force", [False, True])
def test_a_free_path_and_an_empty_directory_may_be_written(tmp_path: Path, force: bool) -> None:
    oci_layout.check_destination(tmp_path / "absent", force=force)
    (tmp_path / "empty").mkdir()
    oci_layout.check_destination(tmp_path / "empty", force=force)


def test_a_layout_is_replaced_only_by_force(tmp_path: Path) -> None:
    written(tmp_path / "layout")
    with pytest.raises(DestinationExists):
        oci_layout.check_destination(tmp_path / "layout", force=False)
    oci_layout.check_destination(tmp_path / "layout", force=True)


@pytest.mark.parametrize("force", [False, True])
def test_nothing_else_is_ever_replaced(tmp_path: Path, force: bool) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("years")
    (tmp_path / "file").write_text("text")
    (tmp_path / "dangling").symlink_to(tmp_path / "absent")
    for name in ("home", "file", "dangling"):
        with pytest.raises(DestinationExists):
            oci_layout.check_destination(tmp_path / name, force=force)


@pytest.mark.parametrize("existing", ["absent", "empty", "layout"])
def test_a_staged_layout_takes_its_place_and_leaves_nothing(tmp_path: Path, existing: str) -> None:
    destination = tmp_path / "layout"
    if existing != "absent":
        destination.mkdir()
    if existing == "layout":
        builders.write_tree(builders.plain_layout(LAYERS[:1]), destination)
    staging = Staging(tmp_path, "layout")
    with staging as directory:
        manifest = written(directory)
        oci_layout.publish(staging, destination, force=existing == "layout")
    assert [path.name for path in tmp_path.iterdir()] == ["layout"]
    assert sorted(path.name for path in destination.iterdir()) == [
        "blobs",
        "index.json",
        "oci-layout",
    ]
    assert read(destination).root == manifest


def test_without_force_an_existing_layout_stays(tmp_path: Path) -> None:
    old = written(tmp_path / "layout")
    staging = Staging(tmp_path, "layout")
    with pytest.raises(DestinationExists), staging as directory:
        builders.write_tree(builders.plain_layout(LAYERS[:1]), directory)
        oci_layout.publish(staging, tmp_path / "layout", force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["layout"]
    assert read(tmp_path / "layout").root == old


def test_a_layout_that_appears_after_the_look_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two pulls to one place both succeeded once, and the second took the place of the first."""
    staging, destination = Staging(tmp_path, "layout"), tmp_path / "layout"
    appeared = builders.plain_layout(LAYERS[:1])
    monkeypatch.setattr(
        oci_layout, "check_destination", lambda path, **_how: builders.write_tree(appeared, path)
    )
    with pytest.raises(DestinationExists, match="meanwhile"), staging as directory:
        manifest = written(directory)
        oci_layout.publish(staging, destination, force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["layout"]
    assert read(destination).root != manifest


def test_a_file_system_that_cannot_exchange_still_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3lo.files._rename2", lambda *_paths: False)
    builders.write_tree(builders.plain_layout(LAYERS[:1]), tmp_path / "layout")
    staging = Staging(tmp_path, "layout")
    with staging as directory:
        manifest = written(directory)
        oci_layout.publish(staging, tmp_path / "layout", force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["layout"]
    assert read(tmp_path / "layout").root == manifest
