"""Documents: read strictly, kept as they came, written the same way every time."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.errors import InvalidDocument
from s3lo.model import media_types
from s3lo.model.digest import Digest
from s3lo.model.documents import (
    MAX_DOCUMENT_BYTES,
    Descriptor,
    Index,
    Manifest,
    build_index,
    build_manifest,
    decode,
    parse_config,
    parse_document,
)
from s3lo.model.platform import Platform

DIGEST = "sha256:" + "ab" * 32
AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64", "v8")


def _descriptor(**changes: Any) -> dict[str, Any]:
    return {"mediaType": media_types.OCI_LAYER_GZIP, "digest": DIGEST, "size": 7, **changes}


def _manifest(**changes: Any) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": _descriptor(mediaType=media_types.OCI_CONFIG),
        "layers": [_descriptor()],
        **changes,
    }


def _index(*manifests: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_INDEX,
        "manifests": list(manifests),
        **changes,
    }


def _raw(body: Any) -> bytes:
    return json.dumps(body).encode()


descriptors = st.builds(
    Descriptor,
    st.sampled_from([media_types.OCI_LAYER_GZIP, media_types.OCI_LAYER_ZSTD]),
    st.binary(max_size=4).map(Digest.of),
    st.integers(0, 1 << 45),
    st.sampled_from([None, AMD64, ARM64]),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2).map(
        lambda annotations: tuple(annotations.items())
    ),
)


@given(descriptors, st.lists(descriptors, max_size=5))
def test_a_manifest_that_was_built_reads_back(config: Descriptor, layers: list[Descriptor]) -> None:
    built = build_manifest(config, tuple(layers))
    assert parse_document(built.raw) == built
    assert build_manifest(config, tuple(layers)).raw == built.raw


@given(st.lists(descriptors, max_size=5))
def test_an_index_that_was_built_reads_back(entries: list[Descriptor]) -> None:
    built = build_index(tuple(entries))
    assert parse_document(built.raw) == built


@given(st.sampled_from([None, 1, 4]), st.text(max_size=10), st.booleans())
def test_a_document_is_its_bytes_however_they_are_written(
    indent: int | None, extra: str, sort: bool
) -> None:
    """A digest is of bytes: unknown fields, spaces and order are kept."""
    raw = json.dumps(_manifest(futureField=extra), indent=indent, sort_keys=sort).encode() + b"\n"
    document = parse_document(raw)
    assert document.raw == raw
    assert document.digest == Digest.of(raw)
    assert document.descriptor().size == len(raw)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_invalid_document(raw: bytes) -> None:
    for parse in (parse_document, parse_config):
        try:
            parse(raw)
        except InvalidDocument:
            continue


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.sampled_from(["schemaVersion", "mediaType", "config", "layers", "manifests"]), values)
def test_no_value_in_a_field_raises_anything_but_invalid_document(name: str, value: Any) -> None:
    for body in (_manifest(**{name: value}), _index(**{name: value})):
        try:
            parse_document(_raw(body))
        except InvalidDocument:
            continue


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        _raw(_manifest()) + b"x",
        _raw(_manifest())[:-1],
        _raw(_manifest(config=None)),
        _raw(_manifest(config=_descriptor(size=-1))),
        _raw(_manifest(config=_descriptor(size="7"))),
        _raw(_manifest(config=_descriptor(size=1.5))),
        _raw(_manifest(config=_descriptor(size=1 << 70))),
        _raw(_manifest(config=_descriptor(digest="sha256:../../etc/passwd"))),
        _raw(_manifest(config=_descriptor(digest=DIGEST.upper()))),
        _raw(_manifest(layers={})),
        _raw(_manifest(layers=["x"])),
        _raw(_manifest(layers=[_descriptor(annotations={"a": 1})])),
        _raw(_manifest(mediaType="text/plain")),
        _raw(_manifest(mediaType=7)),
        _raw(_index("x")),  # type: ignore[arg-type]
        _raw(_index({"digest": DIGEST, "size": 1})),
        b"[" * 100_000,
        b'{"layers":' * 5000,
    ],
)
def test_what_is_no_manifest_is_an_invalid_document(raw: bytes) -> None:
    with pytest.raises(InvalidDocument) as raised:
        parse_document(raw)
    assert raised.value.exit_code == 5


def test_a_huge_document_is_refused_unread() -> None:
    with pytest.raises(InvalidDocument, match="at most"):
        parse_document(b" " * (MAX_DOCUMENT_BYTES + 1))


def test_a_document_of_two_meanings_is_refused() -> None:
    both = {**_manifest(), **_index()}
    del both["mediaType"]
    with pytest.raises(InvalidDocument):
        parse_document(_raw(both))


def test_docker_media_types_are_kept_as_they_came() -> None:
    manifest = parse_document(_raw(_manifest(mediaType=media_types.DOCKER_MANIFEST)))
    index = parse_document(_raw(_index(mediaType=media_types.DOCKER_LIST)))
    assert isinstance(manifest, Manifest)
    assert isinstance(index, Index)
    assert manifest.media_type == media_types.DOCKER_MANIFEST
    assert index.media_type == media_types.DOCKER_LIST


def test_a_document_without_a_media_type_goes_by_its_shape() -> None:
    manifest, index = _manifest(), _index()
    del manifest["mediaType"], index["mediaType"]
    assert isinstance(parse_document(_raw(manifest)), Manifest)
    assert isinstance(parse_document(_raw(index)), Index)
    named = parse_document(_raw(manifest), media_types.DOCKER_MANIFEST)
    assert named.media_type == media_types.DOCKER_MANIFEST


def test_an_index_without_a_media_type_goes_by_what_the_header_said() -> None:
    index = _index()
    del index["mediaType"]
    document = parse_document(_raw(index), media_types.DOCKER_LIST)
    assert document.media_type == media_types.DOCKER_LIST


def test_blobs_name_every_digest_once_config_first() -> None:
    other = "sha256:" + "cd" * 32
    layers = [_descriptor(digest=other), _descriptor(digest=other)]
    manifest = parse_document(_raw(_manifest(layers=layers)))
    assert isinstance(manifest, Manifest)
    assert [blob.digest for blob in manifest.blobs] == [DIGEST, other]


def _entry(os: str, architecture: str, **changes: Any) -> dict[str, Any]:
    platform = {"os": os, "architecture": architecture}
    return _descriptor(mediaType=media_types.OCI_MANIFEST, platform=platform, **changes)


def test_a_platform_is_selected_and_attestations_never_are() -> None:
    attestation = _entry("unknown", "unknown", digest="sha256:" + "11" * 32)
    marked = _entry(
        "linux",
        "amd64",
        digest="sha256:" + "22" * 32,
        annotations={"vnd.docker.reference.type": "attestation-manifest"},
    )
    index = parse_document(
        _raw(_index(attestation, marked, _entry("linux", "amd64"), _entry("linux", "arm64")))
    )
    assert isinstance(index, Index)
    selected = index.select(AMD64)
    assert selected is not None
    assert selected.digest == DIGEST
    assert index.select(ARM64) is not None
    assert index.select(Platform("unknown", "unknown")) is None
    assert index.select(Platform("linux", "s390x")) is None
    assert [str(p) for p in index.platforms] == ["linux/amd64", "linux/arm64"]


def test_a_config_gives_platform_and_diff_ids() -> None:
    raw = _raw({"os": "linux", "architecture": "arm64", "rootfs": {"diff_ids": [DIGEST]}})
    config = parse_config(raw)
    assert config.platform == Platform("linux", "arm64")
    assert config.diff_ids == (DIGEST,)
    assert config.raw == raw


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", _raw({"os": 7}), _raw({"rootfs": {"diff_ids": ["x"]}}), _raw({"rootfs": []})],
)
def test_what_is_no_config_is_an_invalid_document(raw: bytes) -> None:
    with pytest.raises(InvalidDocument):
        parse_config(raw)


@pytest.mark.parametrize("raw", [b"", b"{", b"[" * 100_000, b'"\xff"'])
def test_untyped_json_is_checked_too(raw: bytes) -> None:
    with pytest.raises(InvalidDocument):
        decode(raw, "index.json")


_ABREAST = """
import sys, threading
from s3lo.model.documents import parse_document
raw = sys.argv[1].encode()
together = threading.Barrier(8)

def read():
    together.wait()
    parse_document(raw)

sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_the_first_documents_may_be_read_by_many_threads_at_once() -> None:
    """A clean crashed, without a word: msgspec was learning a type in two threads. 43 of 60 of these did."""
    for _ in range(5):
        command = [sys.executable, "-c", _ABREAST, _raw(_manifest()).decode()]
        subprocess.run(command, check=True)
