"""Archives: every form, as a stream and as a file, and nothing but what was meant."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest

from s3lo.errors import IntegrityError, NotFoundError, UsageError
from s3lo.events import BytesMoved, Event, Note, ignore
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor, Index, Manifest, build_manifest
from s3lo.model.platform import Platform
from s3lo.transports._zstd import zstd
from s3lo.transports.archive import Wanted, read_file, read_stream
from s3lo.transports.image import Compression, SourceImage
from s3lo.transports.packing import Packing
from tests.unit.transports import builders
from tests.unit.transports.builders import Files, Reader, tar

LAYERS = [builders.layer("one"), builders.layer("two", 6000)]
AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64")


def config_of(image: SourceImage) -> bytes:
    return builders.content_of(image.blobs[image.manifests[0].config.digest])


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
def test_an_old_save_is_compressed_and_keeps_its_id(read: Reader, compression: Compression) -> None:
    image = read(tar(builders.old_save(LAYERS)), compression)
    assert builders.unpacked(image) == LAYERS
    assert config_of(image) == builders.config(LAYERS)
    assert isinstance(image.root, Manifest)
    types = {"zstd": "+zstd", "gzip": "+gzip", "none": ""}
    expected = builders.LAYER_TYPE + types[compression]
    assert [layer.media_type for layer in image.root.layers] == [expected] * 2


def test_a_layer_that_repeats_as_a_link_is_one_blob(read: Reader) -> None:
    layers = [LAYERS[0], LAYERS[1], LAYERS[0]]
    image = read(tar(builders.old_save(layers)))
    assert builders.unpacked(image) == layers
    assert len(image.blobs) == 3


def test_a_link_may_come_before_what_it_leads_to(read: Reader) -> None:
    files = builders.old_save([LAYERS[0], LAYERS[0]])
    assert builders.unpacked(read(tar(dict(reversed(files.items()))))) == [LAYERS[0]] * 2


def test_a_docker_archive_with_gzip_layers_keeps_their_bytes(read: Reader) -> None:
    packed = [gzip.compress(each) for each in LAYERS]
    files: Files = {
        "sha256:config": builders.config(LAYERS),
        "0.tar.gz": packed[0],
        "1.tar.gz": packed[1],
        "manifest.json": builders.to_json(
            [{"Config": "sha256:config", "RepoTags": None, "Layers": ["0.tar.gz", "1.tar.gz"]}]
        ),
    }
    image = read(tar(files))
    assert isinstance(image.root, Manifest)
    digests = [f"sha256:{builders.sha(each)}" for each in packed]
    assert [layer.digest for layer in image.root.layers] == digests


def test_a_new_save_becomes_the_same_image_as_an_old_one(read: Reader) -> None:
    old = read(tar(builders.old_save(LAYERS)))
    new = read(tar(builders.plain_layout(LAYERS)))
    assert new.root.raw == old.root.raw
    assert isinstance(new.root, Manifest)
    assert build_manifest(new.root.config, new.root.layers).raw == new.root.raw


def test_an_oci_archive_that_is_compressed_already_is_untouched(read: Reader) -> None:
    files = builders.gzip_layout(LAYERS)
    image = read(tar(files), "zstd")
    assert files[f"blobs/sha256/{image.root.digest.hex}"] == image.root.raw
    assert builders.unpacked(image) == LAYERS


def test_a_plain_layout_is_untouched_without_compression(read: Reader) -> None:
    files = builders.plain_layout(LAYERS)
    image = read(tar(files), "none")
    assert files[f"blobs/sha256/{image.root.digest.hex}"] == image.root.raw


def test_what_else_a_manifest_says_survives_compression(read: Reader) -> None:
    files = builders.plain_layout(LAYERS, annotations={"who": "me"}, artifactType="some/type")
    body = json.loads(read(tar(files)).root.raw)
    assert (body["annotations"], body["artifactType"]) == ({"who": "me"}, "some/type")


def test_a_tar_that_is_no_layer_comes_out_as_it_went_in(read: Reader) -> None:
    data = builders.layer("data")
    document = builders.manifest(b"{}", [(data, "application/x-data")])
    document = document.replace(builders.CONFIG_TYPE.encode(), b"application/x-config")
    entry = builders.descriptor(document, builders.MANIFEST_TYPE)
    image = read(tar(builders.layout([entry], [b"{}", data, document])))
    assert image.root.raw == document


def test_an_archive_that_is_compressed_as_a_whole_is_read(read: Reader) -> None:
    archive = tar(builders.old_save(LAYERS))
    plain = read(archive)
    assert read(gzip.compress(archive)).root == plain.root
    assert read(zstd.compress(archive)).root == plain.root


def test_a_file_s_compressed_blobs_stay_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / "archive.tar"
    path.write_bytes(tar(builders.gzip_layout(LAYERS)))
    staging = tmp_path / "staging"
    image = read_file(path, staging, Packing(), Wanted(), ignore)
    assert {blob.path for blob in image.blobs.values()} == {path}
    assert not any(blob.is_verified for blob in image.blobs.values())
    assert not [file for file in staging.rglob("*") if file.is_file()]


def test_a_stream_s_blobs_are_verified_in_passing(tmp_path: Path) -> None:
    stream = io.BytesIO(tar(builders.gzip_layout(LAYERS)))
    image = read_stream(stream, tmp_path, Packing("zstd"), Wanted(), ignore)
    assert all(blob.is_verified for blob in image.blobs.values())


def test_an_observer_hears_of_every_byte_of_the_layers(read: Reader) -> None:
    events: list[Event] = []
    read(tar(builders.old_save(LAYERS)), observer=events.append)
    moved = sum(event.bytes_ for event in events if isinstance(event, BytesMoved))
    assert moved >= sum(map(len, LAYERS))
    assert {event.phase for event in events if isinstance(event, BytesMoved)} == {"save"}


def two_images() -> Files:
    one, two = builders.old_save([LAYERS[0]], "one:v1"), builders.old_save([LAYERS[1]], "two:v1")
    saved = [json.loads(files["manifest.json"])[0] for files in (one, two)]  # type: ignore[arg-type]
    return {**one, **two, "manifest.json": builders.to_json(saved)}


def test_one_of_several_images_is_chosen_by_name(read: Reader) -> None:
    for name in ("two:v1", "docker.io/library/two:v1"):
        assert builders.unpacked(read(tar(two_images()), wanted=Wanted(name))) == [LAYERS[1]]


def test_several_images_and_no_name_is_a_usage_error_that_lists_them(read: Reader) -> None:
    with pytest.raises(UsageError) as caught:
        read(tar(two_images()))
    assert "one:v1, two:v1" in caught.value.hint


def test_a_name_that_is_not_there_lists_those_that_are(read: Reader) -> None:
    for files in (two_images(), builders.plain_layout(LAYERS, "v7")):
        with pytest.raises(NotFoundError) as caught:
            read(tar(files), wanted=Wanted("absent:v1"))
        assert "v1" in caught.value.hint or "v7" in caught.value.hint


def platforms(*architectures: str, packed: bool = True) -> tuple[Files, bytes]:
    """An archive with an index of several platforms and an attestation; and the index."""
    found = [builders.platform_image(each, packed) for each in architectures]
    found.append(builders.attestation(found[0][0]))
    raw = builders.index([entry for entry, _ in found])
    blobs = [blob for _, each in found for blob in each]
    return builders.layout([builders.descriptor(raw, builders.INDEX_TYPE)], [*blobs, raw]), raw


def test_an_index_is_taken_whole_and_untouched(read: Reader) -> None:
    files, raw = platforms("amd64", "arm64")
    image = read(tar(files))
    assert image.root.raw == raw
    assert len(image.manifests) == 3


def test_one_platform_of_an_index_becomes_the_image(read: Reader) -> None:
    files, _ = platforms("amd64", "arm64")
    image = read(tar(files), wanted=Wanted(platforms=(ARM64,)))
    assert isinstance(image.root, Manifest)
    assert image.manifests == (image.root,)
    assert builders.unpacked(image) == [builders.layer("arm64")]


@pytest.mark.parametrize("form", ["index", "manifest", "docker"])
def test_a_platform_that_is_not_there_lists_those_that_are(read: Reader, form: str) -> None:
    forms = {
        "index": platforms("amd64", "arm64")[0],
        "manifest": builders.gzip_layout(LAYERS),
        "docker": builders.old_save(LAYERS),
    }
    with pytest.raises(NotFoundError) as caught:
        read(tar(forms[form]), wanted=Wanted(platforms=(Platform("linux", "s390x"),)))
    assert "linux/amd64" in caught.value.hint


def test_the_platform_of_a_single_image_may_be_named(read: Reader) -> None:
    for files in (builders.gzip_layout(LAYERS), builders.old_save(LAYERS)):
        assert read(tar(files), wanted=Wanted(platforms=(AMD64,))).root


def test_compressing_a_platform_s_layer_writes_the_index_anew(read: Reader) -> None:
    files, raw = platforms("amd64", "arm64", packed=False)
    image = read(tar(files))
    assert isinstance(image.root, Index)
    assert image.root.raw != raw
    listed = [entry.digest for entry in image.root.manifests]
    assert listed == [manifest.digest for manifest in image.manifests]
    assert [str(each) for each in image.root.platforms] == ["linux/amd64", "linux/arm64"]
    subject = image.root.manifests[2].annotation("vnd.docker.reference.digest")
    assert subject == image.root.manifests[0].digest


def test_platforms_that_were_not_saved_are_left_out_with_a_note(read: Reader) -> None:
    files, _ = platforms("arm64", "amd64")
    gone, blobs = builders.platform_image("arm64")
    del files[f"blobs/sha256/{builders.sha(blobs[1])}"]
    events: list[Event] = []
    image = read(tar(files), observer=events.append)
    assert isinstance(image.root, Index)
    assert [str(each) for each in image.root.platforms] == ["linux/amd64"]
    assert gone["digest"] not in {entry.digest for entry in image.root.manifests}
    # The attestation was of the platform that is gone.
    assert len(image.root.manifests) == len(image.manifests) == 1
    notes = [event.text for event in events if isinstance(event, Note)]
    assert len(notes) == 1
    assert "linux/arm64" in notes[0]


def test_a_platform_that_was_not_saved_is_not_found(read: Reader) -> None:
    files, _ = platforms("arm64", "amd64")
    _, blobs = builders.platform_image("arm64")
    del files[f"blobs/sha256/{builders.sha(blobs[1])}"]
    with pytest.raises(NotFoundError) as caught:
        read(tar(files), wanted=Wanted(platforms=(ARM64,)))
    assert "linux/amd64" in caught.value.hint
    assert "linux/arm64" not in caught.value.hint


def test_an_index_of_which_nothing_was_saved_is_an_error(read: Reader) -> None:
    files, _ = platforms("arm64")
    for name in [
        n for n in files if n.startswith("blobs/") and b"layers" in builders.bytes_of(files[n])
    ]:
        del files[name]
    with pytest.raises(IntegrityError):
        read(tar(files))


def test_a_form_that_was_named_has_to_be_there(read: Reader) -> None:
    with pytest.raises(IntegrityError) as caught:
        read(tar(builders.old_save(LAYERS)), wanted=Wanted(form="oci"))
    assert "docker-archive" in caught.value.hint
    with pytest.raises(IntegrityError) as caught:
        read(tar(builders.gzip_layout(LAYERS)), wanted=Wanted(form="docker"))
    assert "oci-archive" in caught.value.hint


def test_where_both_forms_are_the_manifest_keeps_its_bytes(read: Reader) -> None:
    oci = builders.gzip_layout(LAYERS)
    layers = [name for name in oci if builders.bytes_of(oci[name])[:2] == b"\x1f\x8b"]
    name = f"blobs/sha256/{builders.sha(builders.config(LAYERS))}"
    saved = [{"Config": name, "RepoTags": ["app:v1"], "Layers": layers}]
    files = {**oci, "manifest.json": builders.to_json(saved)}
    image = read(tar(files), wanted=Wanted(form="docker"))
    assert oci[f"blobs/sha256/{image.root.digest.hex}"] == image.root.raw


def test_docker_media_types_become_those_of_oci_with_a_new_layer(read: Reader) -> None:
    docker = "application/vnd.docker"
    packed = gzip.compress(LAYERS[1], mtime=0)
    image_config = builders.config(LAYERS)
    body = json.loads(
        builders.manifest(
            image_config,
            [
                (LAYERS[0], f"{docker}.image.rootfs.diff.tar"),
                (packed, f"{docker}.image.rootfs.diff.tar.gzip"),
            ],
        )
    )
    body["mediaType"] = f"{docker}.distribution.manifest.v2+json"
    body["config"]["mediaType"] = f"{docker}.container.image.v1+json"
    document = builders.to_json(body)
    entry = builders.descriptor(document, body["mediaType"])
    files = builders.layout([entry], [image_config, LAYERS[0], packed, document])
    image = read(tar(files))
    assert isinstance(image.root, Manifest)
    assert "docker" not in image.root.raw.decode()
    assert image.root.layers[1] == Descriptor(
        f"{builders.LAYER_TYPE}+gzip", Digest.of(packed), len(packed)
    )
    assert read(tar(files), "none").root.raw == document
