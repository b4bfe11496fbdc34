"""Audits: every engine, in every mode, finds each blob that is not what its name says, and only those."""

from __future__ import annotations

import hashlib
from pathlib import Path
from threading import Event as Flag

import pytest

from s3lo.bucket.keys import blob_key
from s3lo.engine.plan import MIB
from s3lo.engine.transfers import Stored
from s3lo.errors import Interrupted, S3loError
from s3lo.events import BlobDone, BytesMoved, Event, ignore
from s3lo.model.digest import Digest
from tests.integration.rigs import Rig

SIZES = (0, 1, 4096, 3 * MIB + 1, 23 * MIB + 17)


class Told:
    """What was told, by size of the blob."""

    def __init__(self) -> None:
        self.errors: dict[int, S3loError] = {}

    def __call__(self, blob: Stored, error: S3loError) -> None:
        assert blob.size not in self.errors
        self.errors[blob.size] = error


def _content(size: int) -> bytes:
    return hashlib.shake_128(str(size).encode()).digest(size)


def _stored(rig: Rig, size: int, content: bytes | None = None) -> Stored:
    """A blob of this size that is, or is not, what its name says."""
    blob = Stored(Digest.of(_content(size)), size, blob_key(Digest.of(_content(size))))
    rig.store.put(blob.key, _content(size) if content is None else content)
    return blob


def test_whole_blobs_are_found_whole_and_nothing_of_them_is_kept(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = [_stored(rig, size) for size in SIZES]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.chdir(scratch)
    monkeypatch.setenv("TMPDIR", str(scratch))
    seen: list[Event] = []
    told = Told()
    rig.check(rig.engine.audit(iter(blobs), told, seen.append, total_bytes=sum(SIZES)))
    assert told.errors == {}
    assert sum(each.bytes_ for each in seen if isinstance(each, BytesMoved)) == sum(SIZES)
    done = [each.digest for each in seen if isinstance(each, BlobDone)]
    assert sorted(done) == sorted(str(blob.digest) for blob in blobs)
    assert list(scratch.iterdir()) == []


def test_each_kind_of_damage_is_told_and_the_rest_is_read(rig: Rig) -> None:
    flipped = bytearray(_content(23 * MIB))
    flipped[15 * MIB] ^= 1
    blobs = [
        _stored(rig, 100, _content(100)[:-1] + b"?"),
        _stored(rig, 12 * MIB, _content(12 * MIB - 1)),
        _stored(rig, 12 * MIB + 1, _content(12 * MIB + 2)),
        _stored(rig, 23 * MIB, bytes(flipped)),
        Stored(Digest.of(b"gone"), 4, blob_key(Digest.of(b"gone"))),
        Stored(Digest.of(b"not empty"), 0, blob_key(Digest.of(b"not empty"))),
        _stored(rig, 6 * MIB),
    ]
    rig.store.put(blobs[5].key, b"")
    seen: list[Event] = []
    told = Told()
    rig.check(rig.engine.audit(blobs, told, seen.append))
    assert {size: error.code for size, error in told.errors.items()} == {
        100: "digest_mismatch",
        12 * MIB: "size_mismatch",
        12 * MIB + 1: "size_mismatch",
        23 * MIB: "digest_mismatch",
        4: "not_found",
        0: "digest_mismatch",
    }
    assert [each.size_bytes for each in seen if isinstance(each, BlobDone)] == [6 * MIB]
    total = sum(blob.size for blob in blobs)
    assert sum(each.bytes_ for each in seen if isinstance(each, BytesMoved)) == total


def test_a_cancelled_audit_ends(rig: Rig) -> None:
    blobs = [_stored(rig, 23 * MIB)]
    cancel = Flag()
    cancel.set()
    with pytest.raises(Interrupted):
        rig.engine.audit(blobs, Told(), ignore, cancel)


def test_what_the_teller_raises_ends_the_audit(rig: Rig) -> None:
    blobs = [_stored(rig, 100, b"?" * 100), _stored(rig, 6 * MIB)]

    def refuse(blob: Stored, error: S3loError) -> None:
        raise ZeroDivisionError(blob, error)

    with pytest.raises(ZeroDivisionError):
        rig.engine.audit(blobs, refuse, ignore)
