"""Archives that are damaged, cut short, or none: an integrity error, and nothing half-made."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from s3lo.errors import (
    DigestMismatch,
    IntegrityError,
    NotFoundError,
    S3loError,
    SizeMismatch,
    UsageError,
)
from s3lo.events import ignore
from s3lo.transports.archive import Wanted, read_file, read_stream
from s3lo.transports.packing import Packing
from tests.unit.transports import builders
from tests.unit.transports.builders import Files, Link, Reader, tar

LAYERS = [builders.layer("one"), builders.layer("two", 6000)]


def _without(files: Files, part: str) -> Files:
    return {name: content for name, content in files.items() if part not in name}


def _swapped(files: Files, old: bytes, new: bytes) -> Files:
    return {name: new if content == old else content for name, content in files.items()}


BAD: dict[str, tuple[Files, type[S3loError]]] = {
    "no layer": (_without(builders.old_save(LAYERS[:1]), "layer.tar"), IntegrityError),
    "no config": (
        _without(builders.old_save(LAYERS), f"{builders.sha(builders.config(LAYERS))}.json"),
        IntegrityError,
    ),
    "nothing": ({"README": b"hello"}, IntegrityError),
    "no image listed": ({"manifest.json": b"[]"}, IntegrityError),
    "a manifest that is none": ({"manifest.json": b"{"}, IntegrityError),
    "a manifest of another shape": ({"manifest.json": b'{"Config": 1}'}, IntegrityError),
    "a docker layer that is none": (
        _swapped(builders.old_save(LAYERS), LAYERS[0], b"no layer at all" * 100),
        IntegrityError,
    ),
    "another docker layer": (
        _swapped(builders.old_save(LAYERS), LAYERS[0], builders.layer("other")),
        DigestMismatch,
    ),
    "another docker config": (
        _swapped(builders.old_save(LAYERS), builders.config(LAYERS), b"{}"),
        DigestMismatch,
    ),
    "a layer too few": (
        _swapped(builders.old_save(LAYERS), builders.config(LAYERS), builders.config(LAYERS))
        | {"manifest.json": builders.to_json([{"Config": "c", "Layers": []}])}
        | {"c": builders.config(LAYERS)},
        IntegrityError,
    ),
    "a path that leads out": (
        {"manifest.json": builders.to_json([{"Config": "../../etc/passwd", "Layers": []}])},
        IntegrityError,
    ),
    "an absolute path": (
        {"manifest.json": builders.to_json([{"Config": "/etc/passwd", "Layers": []}])},
        IntegrityError,
    ),
    "links in a circle": (
        {
            "a": Link("b"),
            "b": Link("a"),
            "manifest.json": builders.to_json([{"Config": "a", "Layers": []}]),
        },
        IntegrityError,
    ),
    "a member that leads out": ({"../x": b"", **builders.old_save(LAYERS)}, IntegrityError),
    "no oci-layout": (_without(builders.plain_layout(LAYERS), "oci-layout"), IntegrityError),
    "another layout version": (
        {**builders.plain_layout(LAYERS), "oci-layout": b'{"imageLayoutVersion":"2.0.0"}'},
        IntegrityError,
    ),
    "an oci-layout that is none": (
        {**builders.plain_layout(LAYERS), "oci-layout": b"[]"},
        IntegrityError,
    ),
    "an oci layer missing": (
        _without(builders.plain_layout(LAYERS), builders.sha(LAYERS[0])),
        IntegrityError,
    ),
    "another oci layer": (
        _swapped(builders.plain_layout(LAYERS), LAYERS[0], builders.layer("eno")),
        DigestMismatch,
    ),
    "an oci layer of another size": (
        _swapped(builders.plain_layout(LAYERS), LAYERS[0], builders.layer("one", 9000)),
        SizeMismatch,
    ),
    "another oci config": (
        _swapped(
            builders.plain_layout(LAYERS),
            builders.config(LAYERS),
            builders.config(LAYERS).replace(b"amd64", b"arm64"),
        ),
        DigestMismatch,
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_damaged_archive_is_an_integrity_error(read: Reader, case: str) -> None:
    files, expected = BAD[case]
    with pytest.raises(expected) as caught:
        read(tar(files))
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("make", [builders.old_save, builders.plain_layout, builders.gzip_layout])
def test_an_archive_cut_anywhere_is_an_error(
    read: Reader, make: Callable[[list[bytes]], Files]
) -> None:
    archive = tar(make(LAYERS))
    end = len(archive.rstrip(b"\0"))
    for cut in {*range(0, end, 1217), *range(0, end, 2048)}:
        with pytest.raises(IntegrityError):
            read(archive[:cut])


def test_a_compressed_blob_that_was_changed_is_found_in_a_stream(tmp_path: Path) -> None:
    """In a file it stays where it is, and is hashed when it is uploaded."""
    packed = gzip.compress(LAYERS[0], mtime=0)
    files = _swapped(builders.gzip_layout(LAYERS), packed, packed[:-1] + b"x")
    with pytest.raises(DigestMismatch):
        read_stream(io.BytesIO(tar(files)), tmp_path, Packing("zstd"), Wanted(), ignore)


def test_a_plain_layer_of_another_artifact_is_checked_as_well(read: Reader) -> None:
    """Its config lists no diff ids: only the manifest says which content it should be."""
    image_config = b'{"not": "an image"}'
    document = builders.manifest(image_config, [(LAYERS[0], builders.LAYER_TYPE)])
    document = document.replace(builders.CONFIG_TYPE.encode(), b"application/x-config")
    entry = builders.descriptor(document, builders.MANIFEST_TYPE)
    files = builders.layout([entry], [image_config, LAYERS[0], document])
    assert builders.unpacked(read(tar(files))) == LAYERS[:1]
    with pytest.raises(DigestMismatch):
        read(tar(_swapped(files, LAYERS[0], builders.layer("eno"))))


def test_a_damaged_archive_leaves_nothing_half_made(read: Reader, tmp_path: Path) -> None:
    archive = tar(builders.old_save(LAYERS))
    with pytest.raises(IntegrityError):
        read(archive[:5000])
    for path in (tmp_path / "staging").rglob("*"):
        if path.is_file():
            assert path.name == builders.sha(path.read_bytes())


@pytest.mark.parametrize("content", [b"", b"text" * 1000, b"\x1f\x8b\x08" + bytes(600)])
def test_something_else_is_no_archive(read: Reader, content: bytes) -> None:
    with pytest.raises(IntegrityError):
        read(content)


def test_an_absent_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_file(tmp_path / "absent", tmp_path, Packing("zstd"), Wanted(), ignore)


def test_a_directory_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_file(tmp_path, tmp_path, Packing("zstd"), Wanted(), ignore)
