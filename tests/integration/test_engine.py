"""Every engine, in every mode, against a real S3 service and a local store: one suite.

Each test asserts which mode was active, so that no switch can silently do nothing.
"""

from __future__ import annotations

import functools
import hashlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag
from threading import Timer

import pytest

from s3lo.bucket.keys import blob_key
from s3lo.engine.options import EngineOptions
from s3lo.engine.parallel import ParallelEngine
from s3lo.engine.plan import MIB
from s3lo.engine.transfers import Download, Engine, Upload
from s3lo.engine.whole_objects import WholeObjectEngine
from s3lo.errors import (
    DigestMismatch,
    Interrupted,
    LocalError,
    NotFoundError,
    S3loError,
    SizeMismatch,
)
from s3lo.events import BlobDone, BytesMoved, Event, ignore
from s3lo.model.digest import Digest
from tests.integration.rigs import Rig

SIZES = (0, 1, 4096, 3 * MIB + 1, 23 * MIB + 17)


def _content(size: int) -> bytes:
    return hashlib.shake_128(str(size).encode()).digest(size)


def _files(directory: Path) -> list[tuple[Digest, Path, bytes]]:
    directory.mkdir()
    made = []
    for size in SIZES:
        content = _content(size)
        path = directory / str(size)
        path.write_bytes(content)
        made.append((Digest.of(content), path, content))
    return made


def _upload_all(rig: Rig, directory: Path) -> list[tuple[Digest, Path, bytes]]:
    files = _files(directory)
    uploads = [Upload(d, len(c), blob_key(d), path) for d, path, c in files]
    rig.check(rig.engine.upload(uploads, ignore))
    return files


def test_what_goes_up_comes_down_again_byte_for_byte(rig: Rig, tmp_path: Path) -> None:
    files = _upload_all(rig, tmp_path / "up")
    for digest, _, content in files:
        found = rig.store.head(blob_key(digest))
        assert found is not None
        assert found.size == len(content)
    seen: list[Event] = []
    downloads = [Download(d, len(c), blob_key(d), tmp_path / f"down-{d.hex}") for d, _, c in files]
    rig.check(rig.engine.download(downloads, seen.append))
    for digest, _, content in files:
        assert (tmp_path / f"down-{digest.hex}").read_bytes() == content
    assert sum(e.bytes_ for e in seen if isinstance(e, BytesMoved)) == sum(SIZES)
    assert {e.digest for e in seen if isinstance(e, BlobDone)} == {str(d) for d, _, _ in files}
    assert not rig.uploads()


def test_blobs_that_are_made_meanwhile_go_up_as_they_come(rig: Rig, tmp_path: Path) -> None:
    files = _files(tmp_path / "up")
    stored: dict[Digest, int] = dict.fromkeys((digest for digest, _, _ in files), 0)
    first_is_stored = Flag()

    def count(digest: Digest, offset: int, length: int) -> None:
        del offset
        stored[digest] += length
        first_is_stored.set()

    def made() -> Iterator[Upload]:
        """The second is made only when the first is there."""
        for number, (digest, path, content) in enumerate(files):
            assert number == 0 or first_is_stored.wait(30)
            told = functools.partial(count, digest)
            yield Upload(digest, len(content), blob_key(digest), path, stored=told)

    seen: list[Event] = []
    rig.check(rig.engine.upload(made(), seen.append, expected_bytes=sum(SIZES)))
    assert stored == {digest: len(content) for digest, _, content in files}
    for digest, _, content in files:
        assert rig.store.get(blob_key(digest)) == content
    assert {e.digest for e in seen if isinstance(e, BlobDone)} == {str(d) for d, _, _ in files}


def test_a_blob_that_cannot_be_made_ends_the_upload_of_the_others(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(_content(23 * MIB))
    digest = Digest.of(_content(23 * MIB))

    def made() -> Iterator[Upload]:
        yield Upload(digest, 23 * MIB, blob_key(digest), path)
        raise LocalError("no room for the next layer")

    with pytest.raises(LocalError, match="no room"):
        rig.engine.upload(made(), ignore)
    assert rig.store.head(blob_key(digest)) is None
    assert not rig.uploads()


def test_an_upload_that_fails_does_not_wait_for_what_is_never_made(
    rig: Rig, tmp_path: Path
) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(b"?")
    wake, closed = Flag(), Flag()

    def made() -> Iterator[Upload]:
        try:
            for _ in range(2):
                yield Upload(Digest.of(b"!"), 1, blob_key(Digest.of(b"!")), path)
                wake.wait(60)
        finally:
            closed.set()

    with pytest.raises(DigestMismatch):
        rig.engine.upload(made(), ignore)
    assert not closed.is_set()
    wake.set()
    assert closed.wait(30)


@pytest.mark.parametrize("size", [100, 12 * MIB])
def test_a_blob_that_is_there_meanwhile_is_taken_for_stored(
    rig: Rig, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "blob"
    path.write_bytes(_content(size))
    digest = Digest.of(_content(size))
    rig.store.put(blob_key(digest), _content(size))
    seen: list[Event] = []
    blob = Upload(digest, size, blob_key(digest), path, if_absent=True)
    rig.check(rig.engine.upload([blob], seen.append))
    assert sum(e.bytes_ for e in seen if isinstance(e, BytesMoved)) == size
    assert rig.store.get(blob_key(digest)) == _content(size)
    assert not rig.uploads()


@pytest.mark.parametrize("size", [100, 12 * MIB])
@pytest.mark.parametrize("if_absent", [True, False])
def test_what_is_there_with_another_size_is_overwritten(
    rig: Rig, tmp_path: Path, size: int, if_absent: bool
) -> None:
    path = tmp_path / "blob"
    path.write_bytes(_content(size))
    digest = Digest.of(_content(size))
    rig.store.put(blob_key(digest), b"damaged")
    rig.engine.upload([Upload(digest, size, blob_key(digest), path, if_absent=if_absent)], ignore)
    assert rig.store.get(blob_key(digest)) == _content(size)


def test_a_range_of_a_file_can_be_a_blob(rig: Rig, tmp_path: Path) -> None:
    content = _content(6 * MIB)
    archive = tmp_path / "archive"
    archive.write_bytes(b"before" + content + b"after")
    digest = Digest.of(content)
    rig.engine.upload([Upload(digest, len(content), blob_key(digest), archive, 6)], ignore)
    assert rig.store.get(blob_key(digest)) == content


@pytest.mark.parametrize("size", [100, 12 * MIB])
def test_a_source_that_is_not_what_its_digest_says_is_never_stored(
    rig: Rig, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(_content(size)[:-1] + b"?")
    digest = Digest.of(_content(size))
    with pytest.raises(DigestMismatch):
        rig.engine.upload([Upload(digest, size, blob_key(digest), path)], ignore)
    assert rig.store.head(blob_key(digest)) is None
    assert not rig.uploads()


@pytest.mark.parametrize("size", [100, 12 * MIB])
def test_a_stored_blob_with_a_wrong_byte_is_found(rig: Rig, tmp_path: Path, size: int) -> None:
    digest = Digest.of(_content(size))
    rig.store.put(blob_key(digest), _content(size)[:-1] + b"?")
    target = tmp_path / "down"
    with pytest.raises(DigestMismatch, match=digest.hex):
        rig.engine.download([Download(digest, size, blob_key(digest), target)], ignore)
    assert not target.exists()


@pytest.mark.parametrize("stored", [12 * MIB - 1, 12 * MIB + 1, 10])
def test_a_stored_blob_of_another_size_is_found(rig: Rig, tmp_path: Path, stored: int) -> None:
    digest = Digest.of(_content(12 * MIB))
    rig.store.put(blob_key(digest), _content(stored))
    with pytest.raises((SizeMismatch, S3loError)) as caught:
        download = Download(digest, 12 * MIB, blob_key(digest), tmp_path / "down")
        rig.engine.download([download], ignore)
    assert caught.value.exit_code == 5


def test_a_blob_that_is_not_there_is_not_found(rig: Rig, tmp_path: Path) -> None:
    rig.store.put("something", b"so that the store exists")
    digest = Digest.of(b"absent")
    with pytest.raises(NotFoundError):
        rig.engine.download([Download(digest, 6, blob_key(digest), tmp_path / "x")], ignore)


def test_cancelling_ends_a_transfer_and_leaves_no_upload_open(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        for _ in range(8):
            file.write(os.urandom(16 * MIB))
    digest = Digest.from_hex(hashlib.sha256(path.read_bytes()).hexdigest())
    cancel = Flag()
    Timer(0.05, cancel.set).start()
    with pytest.raises(Interrupted):
        rig.engine.upload([Upload(digest, 128 * MIB, blob_key(digest), path)], ignore, cancel)
    assert rig.store.head(blob_key(digest)) is None
    assert not rig.uploads()


def test_an_observer_that_raises_ends_the_transfer(rig: Rig, tmp_path: Path) -> None:
    files = _upload_all(rig, tmp_path / "up")

    def refuse(event: Event) -> None:
        raise ZeroDivisionError(event)

    downloads = [Download(d, len(c), blob_key(d), tmp_path / d.hex) for d, _, c in files]
    with pytest.raises(ZeroDivisionError):
        rig.engine.download(downloads, refuse)


def test_unverified_downloads_do_not_hash(rig: Rig, tmp_path: Path) -> None:
    if rig.means == "s3transfer":
        engine: Engine = WholeObjectEngine(
            rig.engine._make_client,  # type: ignore[attr-defined]
            rig.store.location.name,
            EngineOptions(verify="none"),
        )
    else:
        source = rig.engine._source  # type: ignore[attr-defined]
        engine = ParallelEngine(source, EngineOptions(processes=rig.processes, verify="none"))
    wrong = Digest.of(b"another content")
    rig.store.put(blob_key(wrong), b"content")
    engine.download([Download(wrong, 7, blob_key(wrong), tmp_path / "x")], ignore)
    assert (tmp_path / "x").read_bytes() == b"content"


def test_more_blobs_than_a_process_may_have_files_open(rig: Rig, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    contents = [f"blob {number}".encode() for number in range(200)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (160, hard))
    try:
        for number, content in enumerate(contents):
            (tmp_path / str(number)).write_bytes(content)
        named = [(Digest.of(content), content) for content in contents]
        rig.engine.upload(
            [Upload(d, len(c), blob_key(d), tmp_path / str(n)) for n, (d, c) in enumerate(named)],
            ignore,
        )
        rig.engine.download(
            [Download(d, len(c), blob_key(d), tmp_path / d.hex) for d, c in named], ignore
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert all((tmp_path / d.hex).read_bytes() == c for d, c in named)
