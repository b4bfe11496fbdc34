"""Digest: the one form that is taken, and its other spellings."""

from __future__ import annotations

import base64
import hashlib
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.errors import InvalidReference
from s3lo.model.digest import Digest


@given(st.binary())
def test_a_digest_names_its_content(content: bytes) -> None:
    digest = Digest.of(content)
    assert digest == "sha256:" + hashlib.sha256(content).hexdigest()
    assert Digest.parse(str(digest)) == Digest.from_hex(digest.hex) == digest
    assert base64.b64decode(digest.base64) == hashlib.sha256(content).digest()
    assert type(pickle.loads(pickle.dumps(digest))) is Digest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        "0" * 64,
        "sha256:" + "0" * 63,
        "sha256:" + "0" * 65,
        "sha256:" + "A" * 64,
        "sha512:" + "0" * 128,
        "sha256:" + "0" * 64 + "\n",
        "sha256:../" + "0" * 61,
    ],
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference):
        Digest.parse(text)
