"""A recipe of the Go tool says which chunks it needs, or that nobody here understands it."""

from __future__ import annotations

import json

import pytest

from s3lo.errors import InvalidDocument
from s3lo.model.recipe import chunks_of

ONE, TWO = "1" * 64, "2" * 64


def chunk(digest: str) -> dict[str, object]:
    return {"digest": digest, "size": 9, "compressedSize": 5}


def test_a_recipe_names_each_chunk_once() -> None:
    recipe = {
        "layer": "3" * 64,
        "size": 27,
        "compressedDigest": "4" * 64,
        "compressedSize": 15,
        "chunks": [chunk(ONE), chunk(TWO), chunk(ONE)],
    }
    assert chunks_of(json.dumps(recipe).encode()) == {bytes.fromhex(ONE), bytes.fromhex(TWO)}
    assert chunks_of(b'{"layer": "x", "chunks": null}') == frozenset()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b'{"chunks": [{"size": 1}]}',
        b'{"chunks": [{"digest": "../x", "size": 1}]}',
        b'{"chunks": [], "dictionary": "5"}',
        b'{"chunks": [{"digest": "%s", "size": 1, "base": "x"}]}' % ONE.encode(),
        b"\xff\xfe",
    ],
)
def test_what_may_need_more_than_is_understood_is_no_recipe(raw: bytes) -> None:
    with pytest.raises(InvalidDocument):
        chunks_of(raw)
