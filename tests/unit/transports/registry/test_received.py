"""Received: manifests are what was asked for, or it is said what came instead."""

from __future__ import annotations

import pytest

from s3lo.errors import DigestMismatch, InvalidDocument
from s3lo.model.digest import Digest
from s3lo.model.media_types import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from s3lo.transports.registry.received import receive

PLAIN = b'{"schemaVersion":2,"manifests":[]}'
NAMED = b'{"schemaVersion":2,"mediaType":"%s"}' % OCI_MANIFEST.encode()
SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"


@pytest.mark.parametrize(
    ("raw", "content_type", "media_type"),
    [
        (PLAIN, OCI_INDEX, OCI_INDEX),
        (PLAIN, f"{DOCKER_LIST}; charset=utf-8", DOCKER_LIST),
        (PLAIN, "application/json", ""),
        (PLAIN, "", ""),
        (NAMED, OCI_MANIFEST, OCI_MANIFEST),
        (NAMED, DOCKER_MANIFEST, OCI_MANIFEST),
        (NAMED, "text/plain", OCI_MANIFEST),
    ],
)
def test_the_document_says_what_it_is_or_the_answer_does(
    raw: bytes, content_type: str, media_type: str
) -> None:
    found = receive(raw, content_type, "", None, "x")
    assert (found.raw, found.media_type, found.digest) == (raw, media_type, Digest.of(raw))


def test_the_digest_is_compared_with_both_that_are_known() -> None:
    own, other = Digest.of(PLAIN), Digest.of(b"")
    assert receive(PLAIN, "", own, own, "x").digest == own
    for named, wanted in ((other, None), ("", other), (own, other), (other, own)):
        with pytest.raises(DigestMismatch):
            receive(PLAIN, "", named, wanted, "x")


@pytest.mark.parametrize("named", ["", "sha512:" + "0" * 128, "garbage"])
def test_a_digest_that_cannot_be_compared_is_let_be(named: str) -> None:
    assert receive(PLAIN, "", named, None, "x").digest == Digest.of(PLAIN)


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [(b"{}", SCHEMA_1), (b'{"schemaVersion":1}', "application/json"), (PLAIN, SCHEMA_1.upper())],
)
def test_dockers_first_schema_is_refused_by_name(raw: bytes, content_type: str) -> None:
    with pytest.raises(InvalidDocument, match="schema 1"):
        receive(raw, content_type, "", None, "x")


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_document_is_told_as_what_it_came(raw: bytes) -> None:
    with pytest.raises(InvalidDocument, match="text/html") as raised:
        receive(raw, "text/html; charset=utf-8", "", None, "x")
    assert "registry" in raised.value.hint
