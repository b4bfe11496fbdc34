"""Copies from a registry that misbehaves: each comes to a clear end, with nothing wrong in the store."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import s3lo
from s3lo.errors import IntegrityError, NotFoundError, S3loError, ServiceError
from s3lo.events import Note
from tests.faults.registry.served import NAME, Served, changed, noting, saying, with_header
from tests.servers import Registry, Unruly
from tests.servers.unruly import (
    Exchange,
    Fault,
    Meeting,
    end_early,
    reset_midway,
    wrong_byte_back,
)
from tests.stores import Shelf
from tests.unit.transports import builders


@pytest.fixture
def store(tmp_path: Path) -> Shelf:
    from s3lo.bucket.local import LocalStore
    from s3lo.model.reference import Location

    root = tmp_path / "store"
    (root / "blobs").mkdir(parents=True)
    return Shelf(LocalStore(Location("local", str(root))), f"local://{root}/")


def copied(unruly: Unruly, store: Shelf, name: str = NAME, notes: list[str] | None = None) -> str:
    def observe(event: object) -> None:
        if isinstance(event, Note) and notes is not None:
            notes.append(event.text)

    host = unruly.url.partition("://")[2]
    options = s3lo.CopyOptions(engine=s3lo.EngineOptions(part_size_bytes=5 << 20))
    return s3lo.copy(f"{host}/{name}", f"{store.url}app:v1", options, observer=observe).digest


def require_nothing(store: Shelf) -> None:
    """No tag, and no blob that is not what its name says."""
    assert not store.keys("manifests/")
    for key in store.keys("blobs/"):
        assert builders.sha(store.store.get(key)) == key.rpartition("/")[2]


@pytest.mark.parametrize("fault", [end_early, reset_midway], ids=["ends", "is reset"])
def test_a_blob_that_breaks_off_is_gone_on_with(
    unruly: Unruly, served: Served, store: Shelf, fault: Fault
) -> None:
    ranges: list[str] = []
    unruly.when("GET", f"/blobs/{served.layer.digest}", fault, times=1)
    unruly.when("GET", f"/blobs/{served.layer.digest}", noting("range", ranges))
    notes: list[str] = []
    assert copied(unruly, store, notes=notes) == served.manifest
    assert len(store.store.get(f"blobs/sha256/{served.layer.digest.hex}")) == served.layer.size
    [again] = ranges
    if fault is end_early:  # a reset takes with it what nobody had read yet
        assert again == f"bytes={served.layer.size // 2}-{served.layer.size - 1}"
    assert any("going on from there" in note for note in notes)


def to_itself(exchange: Exchange) -> None:
    saying(302, Location=exchange.path)(exchange)


@pytest.mark.parametrize(
    ("what", "fault", "kind"),
    [
        ("/blobs/", wrong_byte_back, IntegrityError),
        ("/blobs/", changed(with_header("Content-Length", "17")), IntegrityError),
        ("/blobs/", saying(404), NotFoundError),
        ("/blobs/", saying(500), ServiceError),
        ("/blobs/", to_itself, ServiceError),
        ("/manifests/v1", saying(500), ServiceError),
        ("/manifests/v1", saying(200, b'{"a":"' + b"x" * (10 << 20) + b'"}'), IntegrityError),
        (
            "/manifests/v1",
            changed(with_header("Docker-Content-Digest", f"sha256:{'0' * 64}")),
            IntegrityError,
        ),
    ],
    ids=[
        "wrong byte",
        "lies about length",
        "no blob",
        "no service",
        "circle of redirects",
        "no manifest",
        "manifest of 10 MiB",
        "lies",
    ],
)
def test_what_cannot_be_right_ends_the_copy(
    unruly: Unruly, store: Shelf, what: str, fault: Fault, kind: type[S3loError]
) -> None:
    unruly.when("GET", what, fault)
    with pytest.raises(kind):
        copied(unruly, store)
    require_nothing(store)


def test_several_blobs_and_several_ranges_of_one_are_on_their_way_at_once(
    unruly: Unruly, registry: Registry, store: Shelf
) -> None:
    large, *small = (random.Random(size).randbytes(size) for size in (20 << 20, 70_000, 80_000))
    config = builders.config([large, *small])
    raw = builders.manifest(config, [(each, builders.LAYER_TYPE) for each in (large, *small)])
    registry.put("faults/many", "v1", raw, builders.MANIFEST_TYPE, config, large, *small)
    # Whoever comes waits for the others: one after another they would wait in vain.
    unruly.when("GET", f"/blobs/sha256:{builders.sha(large)}", Meeting(3), after=1, times=3)
    both = Meeting(2)
    for each in small:
        unruly.when("GET", f"/blobs/sha256:{builders.sha(each)}", both)
    assert copied(unruly, store, "faults/many:v1") == f"sha256:{builders.sha(raw)}"


def test_throttling_is_waited_for(unruly: Unruly, served: Served, store: Shelf) -> None:
    unruly.when("GET", "/blobs/", saying(429, Retry_After="0"), every=2, times=2)
    assert copied(unruly, store) == served.manifest


@pytest.fixture
def nested(registry: Registry) -> Callable[[int], str]:
    """An index below so many others; gives its name."""

    def put(depth: int) -> str:
        manifest_entry, blobs = builders.platform_image("amd64")
        raw, media_type = blobs[-1], builders.MANIFEST_TYPE
        name = f"faults/nested-{depth}"
        registry.put(name, "level-0", raw, media_type, *blobs[:-1])
        entry = manifest_entry
        for level in range(1, depth + 1):
            raw, media_type = builders.index([entry]), builders.INDEX_TYPE
            registry.put(name, f"level-{level}", raw, media_type)
            entry = builders.descriptor(raw, media_type)
        return f"{name}:level-{depth}"

    return put


def test_indexes_may_be_nested_but_not_fifty_deep(
    unruly: Unruly, store: Shelf, nested: Callable[[int], str]
) -> None:
    with pytest.raises(IntegrityError, match="deep"):
        copied(unruly, store, nested(50))
    require_nothing(store)
    copied(unruly, store, nested(3))


def test_a_list_that_names_a_manifest_that_is_not_there_is_no_image(
    unruly: Unruly, registry: Registry, store: Shelf
) -> None:
    entry, blobs = builders.platform_image("amd64")
    absent, _ = builders.platform_image("riscv64")
    registry.put("faults/sparse", "amd64", blobs[-1], builders.MANIFEST_TYPE, *blobs[:-1])
    index = builders.index([entry, absent])

    def answer(exchange: Exchange) -> None:
        answer_of(exchange, index)

    unruly.when("GET", "/faults/sparse/manifests/v1", answer)
    with pytest.raises(NotFoundError, match=absent["digest"]):
        copied(unruly, store, "faults/sparse:v1")
    require_nothing(store)


def answer_of(exchange: Exchange, raw: bytes) -> None:
    saying(200, raw, Content_Type=json.loads(raw)["mediaType"])(exchange)


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("HOME", str(tmp_path))
    yield
