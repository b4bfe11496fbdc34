"""inspect: what is stored, per platform, and the stored bytes themselves."""

from __future__ import annotations

import pytest

import s3lo
from s3lo.errors import InvalidDocument, NotFoundError
from tests.stores import LINUX_AMD64, LINUX_ARM64, OCI, Shelf, digest_of


def test_a_manifest_is_shown_with_its_config_layers_and_history(shelf: Shelf) -> None:
    digest = shelf.tag("org/app", "v1", shelf.manifest([b"one", b"three"]))
    found = s3lo.inspect(f"{shelf.url}org/app:v1")
    assert (found.image, found.tag, found.digest) == ("org/app", "v1", digest)
    assert found.media_type == f"{OCI}.manifest.v1+json"
    [image] = found.platforms
    assert (image.platform, image.os, image.architecture) == ("linux/amd64", "linux", "amd64")
    assert (image.digest, image.created) == (digest, "2026-01-02T03:04:05Z")
    assert [(layer.digest, layer.size) for layer in image.layers] == [
        (digest_of(b"one"), 3),
        (digest_of(b"three"), 5),
    ]
    config = shelf.store.get(f"blobs/sha256/{image.config_digest[7:]}")
    assert image.size == 8 + len(config)
    assert [(step.created_by, step.empty_layer) for step in image.history] == [
        ("COPY 0", False),
        ("COPY 1", False),
        ("CMD x", True),
    ]


def test_an_index_is_shown_platform_by_platform(shelf: Shelf) -> None:
    raw = shelf.index([LINUX_AMD64, LINUX_ARM64, {"os": "unknown", "architecture": "unknown"}])
    digest = shelf.tag("app", "v1", raw)
    found = s3lo.inspect(f"{shelf.url}app:v1")
    assert [image.platform for image in found.platforms] == ["linux/amd64", "linux/arm64/v8"]
    assert len(found.attestations) == 1
    [arm] = s3lo.inspect(f"{shelf.url}app:v1", platform="linux/arm64").platforms
    assert arm == found.platforms[1]
    assert s3lo.inspect(f"{shelf.url}app@{digest}").platforms == found.platforms
    by_digest = s3lo.inspect(f"{shelf.url}app@{arm.digest}")
    assert (by_digest.tag, by_digest.platforms) == ("", (arm,))
    with pytest.raises(NotFoundError, match="platform"):
        s3lo.inspect(f"{shelf.url}app:v1", platform="plan9/mips")


def test_raw_gives_the_stored_bytes(shelf: Shelf) -> None:
    raw = shelf.index([LINUX_AMD64, LINUX_ARM64]).replace(b'":', b'" :\n ')
    shelf.tag("Upper/app", "v1", raw)
    assert s3lo.read_manifest(f"{shelf.url}Upper/app:v1") == raw
    arm = s3lo.read_manifest(f"{shelf.url}Upper/app:v1", platform="linux/arm64")
    assert arm == shelf.manifest([b"layer", str(LINUX_ARM64).encode()], LINUX_ARM64)


def test_signatures_are_those_of_the_very_tag(shelf: Shelf) -> None:
    shelf.tag("app", "v1")
    shelf.tag("app/v1", "signatures")
    shelf.put("manifests/app/v1/signatures/0123456789abcdef.json", b"{}")
    shelf.put("manifests/app/v1/signatures/README", b"")
    found = s3lo.inspect(f"{shelf.url}app:v1").signatures
    assert [(signature.key_id, signature.size) for signature in found] == [("0123456789abcdef", 2)]


def test_an_artifact_is_no_image_and_yet_shown(shelf: Shelf) -> None:
    raw = shelf.manifest([b"chart"]).replace(b"oci.image.config", b"cncf.helm.config")
    shelf.tag("chart", "v1", raw)
    [artifact] = s3lo.inspect(f"{shelf.url}chart:v1").platforms
    assert (artifact.platform, artifact.history) == ("", ())
    assert artifact.layers[0].size == 5


def test_what_is_missing_or_malformed_is_said_to_be(shelf: Shelf) -> None:
    shelf.tag("app", "v1", b"{not json")
    with pytest.raises(InvalidDocument) as malformed:
        s3lo.inspect(f"{shelf.url}app:v1")
    assert s3lo.read_manifest(f"{shelf.url}app:v1") == b"{not json"
    assert malformed.value.exit_code == 5
    assert malformed.value.reference == f"{shelf.url}app:v1"
    with pytest.raises(NotFoundError):
        s3lo.inspect(f"{shelf.url}app:v2")
    with pytest.raises(NotFoundError):
        s3lo.inspect(f"{shelf.url}app@{digest_of(b'no')}")
