"""Packing: what a destination holds is passed over, and what is made leaves at once."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pytest

from s3lo.errors import DigestMismatch
from s3lo.events import ignore
from s3lo.model import media_types
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor
from s3lo.transports import layout_reader
from s3lo.transports.archive import Wanted, read_file, read_stream
from s3lo.transports.docker_v1 import layer_namer
from s3lo.transports.image import BlobFile, Compression, SourceImage
from s3lo.transports.packing import Packing, ReadAgain
from tests.unit.transports import builders
from tests.unit.transports.builders import tar

LAYERS = [builders.layer("one"), builders.layer("two"), builders.layer("three")]
DIFF_IDS = [Digest.of(layer) for layer in LAYERS]


class Holding:
    """A destination that has these layers, and blobs."""

    def __init__(
        self, layers: Mapping[Digest, Descriptor], configs: tuple[bytes, ...] = ()
    ) -> None:
        self.layers = layers
        self.configs = {Digest.of(raw): raw for raw in configs}
        self.blobs: set[Digest] = set()

    def layer(self, diff_id: Digest) -> Descriptor | None:
        return self.layers.get(diff_id)

    def blob(self, digest: Digest, size: int) -> bool:
        del size
        return digest in self.blobs

    def config(self, digest: Digest) -> bytes | None:
        return self.configs.get(digest)


class Taking:
    """An outlet that keeps what it is offered, and takes the file away."""

    def __init__(self) -> None:
        self.blobs: list[Digest] = []
        self.grown = 0
        self.withdrawn = 0
        self.is_abandoned = False

    def expect(self, count: int) -> None: ...

    def grow(self, count: int) -> None:
        self.grown += count

    def offer(self, blob: BlobFile) -> None:
        assert Digest.of(builders.content_of(blob)) == blob.digest
        blob.path.unlink()
        self.blobs.append(blob.digest)

    def withdraw(self, count: int) -> None:
        self.withdrawn += count

    def abandon(self) -> None:
        self.is_abandoned = True


def saved(archive: bytes, staging: Path, packing: Packing) -> SourceImage:
    """As the daemon's stream is read."""
    namer = layer_namer(DIFF_IDS)
    return read_stream(io.BytesIO(archive), staging, packing, Wanted(), ignore, "it", namer)


def with_v1_names(layers: list[bytes]) -> bytes:
    """What Docker 20.10 saves, its layers named as it names them."""
    from s3lo.transports.docker_v1 import v1_ids

    files = builders.old_save(layers)
    text = files["manifest.json"]
    assert isinstance(text, bytes)
    ids = [*v1_ids([Digest.of(layer) for layer in layers]), "f" * 64]
    old = [builders.sha(f"{number}".encode() + each) for number, each in enumerate(layers)]
    for was, now in zip(old, ids, strict=True):
        text = text.replace(was.encode(), now.encode())
        files = {name.replace(was, now): content for name, content in files.items()}
    return tar({**files, "manifest.json": text})


def made(staging: Path, compression: Compression = "zstd") -> SourceImage:
    return saved(with_v1_names(LAYERS), staging, Packing(compression))


@pytest.fixture(params=["zstd", "gzip", "none"])
def compression(request: pytest.FixtureRequest) -> Compression:
    found: Compression = request.param
    return found


def holding(image: SourceImage, *numbers: int) -> Holding:
    [manifest] = image.manifests
    return Holding({DIFF_IDS[n]: manifest.layers[n] for n in numbers})


@pytest.mark.parametrize("form", ["save", "plain layout in a stream", "archive", "layout"])
def test_a_layer_that_is_held_is_neither_kept_nor_compressed(
    tmp_path: Path, compression: Compression, form: str
) -> None:
    whole = made(tmp_path / "whole", compression)
    packing = Packing(compression, holdings=holding(whole, 0, 2))
    layout = builders.plain_layout(LAYERS)
    staging = tmp_path / "staging"
    match form:
        case "save":
            image = saved(with_v1_names(LAYERS), staging, packing)
        case "plain layout in a stream":
            image = read_stream(io.BytesIO(tar(layout)), staging, packing, Wanted(), ignore)
        case "archive":
            (tmp_path / "x.tar").write_bytes(with_v1_names(LAYERS))
            image = read_file(tmp_path / "x.tar", staging, packing, Wanted(), ignore)
        case _:
            tree = builders.write_tree(layout, tmp_path / "layout")
            image = layout_reader.read(tree, staging, packing, observer=ignore)
    [manifest], [known] = image.manifests, whole.manifests
    assert manifest.layers == known.layers
    if compression == "none" and form in ("archive", "layout"):
        assert not image.held, "their bytes are where they are wanted"
        return
    assert image.held == {known.layers[0].digest, known.layers[2].digest}
    kept = {path.name for path in (staging / "blobs" / "sha256").iterdir()}
    assert not kept & {digest.hex for digest in image.held}
    assert set(image.blobs) | image.held == {blob.digest for blob in known.blobs}


def test_a_layer_that_is_not_what_it_is_held_for_is_found_out(tmp_path: Path) -> None:
    whole = made(tmp_path / "whole")
    swapped = [LAYERS[0], builders.layer("four"), LAYERS[2]]
    archive = with_v1_names(LAYERS).replace(LAYERS[1], swapped[1])
    with pytest.raises(ReadAgain):
        saved(archive, tmp_path / "staging", Packing(holdings=holding(whole, 1)))
    with pytest.raises(DigestMismatch):
        saved(archive, tmp_path / "again", Packing())


def test_a_layer_that_came_compressed_is_passed_over(tmp_path: Path) -> None:
    files = builders.gzip_layout(LAYERS)
    whole = read_stream(io.BytesIO(tar(files)), tmp_path / "whole", Packing(), Wanted(), ignore)
    [manifest] = whole.manifests
    held = Holding({})
    held.blobs = {manifest.layers[1].digest, manifest.config.digest}
    packing = Packing(holdings=held)
    image = read_stream(io.BytesIO(tar(files)), tmp_path / "staging", packing, Wanted(), ignore)
    assert image.root == manifest
    assert image.held == {manifest.layers[1].digest}, "a config is read, wherever it is"


def test_layers_leave_one_by_one_and_a_repeated_one_once(
    tmp_path: Path, compression: Compression
) -> None:
    layers = [LAYERS[0], LAYERS[1], LAYERS[0]]
    archive = tar(builders.plain_layout(layers)) + bytes(0)
    outlet = Taking()
    packing = Packing(compression, outlet=outlet)
    image = read_stream(io.BytesIO(archive), tmp_path / "staging", packing, Wanted(), ignore)
    [manifest] = image.manifests
    assert sorted(outlet.blobs) == sorted({layer.digest for layer in manifest.layers})
    sizes = {layer.digest: layer.size for layer in manifest.layers}
    assert outlet.grown - outlet.withdrawn == sum(sizes.values())


def test_a_layer_that_comes_twice_in_a_stream_leaves_once(tmp_path: Path) -> None:
    files = builders.old_save([LAYERS[0], LAYERS[1]])
    again = dict(files)
    repeated = next(name for name in files if name.endswith("layer.tar"))
    again[f"{'e' * 64}/layer.tar"] = files[repeated]
    outlet = Taking()
    packing = Packing(outlet=outlet)
    read_stream(io.BytesIO(tar(again)), tmp_path / "staging", packing, Wanted(), ignore)
    assert len(outlet.blobs) == len(set(outlet.blobs)) == 2
    assert outlet.withdrawn > 0


@pytest.mark.parametrize("is_held", [True, False])
def test_a_tar_that_is_no_layer_is_to_be_read_again_where_it_was_let_go(
    tmp_path: Path, is_held: bool
) -> None:
    thing = builders.layer("thing")
    document = builders.manifest(b"{}", [(thing, "application/vnd.example.thing")])
    entry = builders.descriptor(document, builders.MANIFEST_TYPE)
    archive = tar(builders.layout([entry], [b"{}", thing, document]))
    diff_id = Digest.of(thing)
    held = Holding({diff_id: Descriptor(media_types.OCI_LAYER_ZSTD, Digest.of(b"x"), 1)})
    packing = Packing(holdings=held) if is_held else Packing(outlet=Taking())
    with pytest.raises(ReadAgain):
        read_stream(io.BytesIO(archive), tmp_path / "staging", packing, Wanted(), ignore)
