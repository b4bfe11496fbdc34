"""What every store promises (bucket/store.py), on each of them: a directory, S3 over each wire."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from s3lo import beneath
from s3lo.bucket import keys, tags
from s3lo.bucket.local import LocalStore
from s3lo.bucket.s3 import S3Store
from s3lo.bucket.store import Store
from s3lo.errors import (
    ImmutableTag,
    IntegrityError,
    InvalidReference,
    NotFoundError,
    RefusedError,
    S3loError,
    SizeMismatch,
)
from s3lo.model.digest import Digest
from s3lo.model.objects import Credentials, Endpoint, Wire
from s3lo.model.reference import Location
from tests.servers import SeaweedS3

_numbers = count(1)


@dataclass(frozen=True)
class Place:
    """A kind of store, and how to open a new, empty one of it, or one that does not exist."""

    kind: str
    make: Callable[[], Store]
    missing: Callable[[], Store]


def _wire(kind: str, endpoint: Endpoint, credentials: Credentials) -> Wire:
    if kind == "native":
        from s3lo.engine.crt.wire import NativeWire

        return NativeWire(endpoint, lambda: credentials)
    if kind == "sockets":
        from s3lo.engine.sockets.wire import SocketWire

        return SocketWire(endpoint, lambda: credentials)
    from s3lo.bucket.boto_wire import BotoWire

    return BotoWire(endpoint, lambda: credentials)


def _s3_place(kind: str, server: SeaweedS3, opened: list[Store]) -> Place:
    def connect(bucket: str) -> Store:
        endpoint = Endpoint(bucket, "us-east-1", server.endpoint_url, path_style=True)
        wire = _wire(kind, endpoint, Credentials(server.access_key, server.secret_key))
        opened.append(S3Store(Location("s3", bucket), endpoint, wire))
        return opened[-1]

    def make() -> Store:
        return connect(server.create_bucket(f"store-{kind}-{next(_numbers)}"))

    return Place(kind, make, lambda: connect("no-such-bucket"))


@pytest.fixture(params=["local", "boto", "native", "sockets"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "local":

        def make() -> Store:
            root = tmp_path / f"store-{next(_numbers)}"
            root.mkdir()
            return LocalStore(Location("local", str(root)))

        def missing() -> Store:
            return LocalStore(Location("local", str(tmp_path / "missing")))

        yield Place("local", make, missing)
        return
    opened: list[Store] = []
    yield _s3_place(request.param, request.getfixturevalue("seaweed"), opened)
    for store in opened:
        store.close()


@pytest.fixture
def store(place: Place) -> Store:
    return place.make()


def _keys(store: Store, prefix: str = "") -> list[str]:
    return [found.key for found in store.list(prefix)]


def test_what_was_put_is_read_back(store: Store) -> None:
    store.put("manifests/app/v1/manifest.json", b'{"a": 1}')
    assert store.get("manifests/app/v1/manifest.json") == b'{"a": 1}'


def test_an_empty_object_is_empty_and_not_missing(store: Store) -> None:
    store.put("blobs/empty", b"")
    assert store.get("blobs/empty") == b""
    head = store.head("blobs/empty")
    assert head is not None
    assert head.size == 0


def test_a_put_replaces(store: Store) -> None:
    store.put("s3lo.yaml", b"longer before")
    store.put("s3lo.yaml", b"after")
    assert store.get("s3lo.yaml") == b"after"


def test_get_of_a_missing_object_is_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError) as raised:
        store.get("blobs/sha256/missing")
    assert raised.value.exit_code == 3


def test_get_stops_at_its_limit(store: Store) -> None:
    store.put("blobs/large", b"x" * 1001)
    assert len(store.get("blobs/large", limit_bytes=1001)) == 1001
    with pytest.raises(IntegrityError):
        store.get("blobs/large", limit_bytes=1000)


def test_head_tells_size_and_time(store: Store) -> None:
    store.put("blobs/some", b"12345")
    head = store.head("blobs/some")
    assert head is not None
    assert (head.key, head.size) == ("blobs/some", 5)
    assert head.last_modified is not None
    assert head.last_modified.tzinfo is not None


def test_head_of_a_missing_object_is_none(store: Store) -> None:
    assert store.head("blobs/sha256/missing") is None


def test_a_range_is_read_alone(store: Store) -> None:
    store.put("blobs/some", b"0123456789")
    assert store.read_range("blobs/some", 3, 4) == b"3456"
    assert store.read_range("blobs/some", 0, 10) == b"0123456789"
    assert store.read_range("blobs/some", 10, 0) == b""


@pytest.mark.parametrize("offset", [7, 10, 20])
def test_a_range_beyond_the_end_is_a_wrong_size(offset: int, store: Store) -> None:
    store.put("blobs/some", b"0123456789")
    with pytest.raises(SizeMismatch):
        store.read_range("blobs/some", offset, 4)


def test_a_range_of_a_missing_object_is_not_found(store: Store) -> None:
    store.put("blobs/other", b"x")
    with pytest.raises(NotFoundError):
        store.read_range("blobs/sha256/missing", 0, 4)


def test_a_range_of_an_object_that_was_replaced_is_refused(store: Store) -> None:
    store.put("blobs/some", b"0123456789")
    etag = store.read("blobs/some").etag
    assert store.read_range("blobs/some", 0, 4, etag=etag) == b"0123"
    store.put("blobs/some", b"abcdefghij")
    with pytest.raises(IntegrityError, match="replaced"):
        store.read_range("blobs/some", 0, 4, etag=etag)


def test_a_conditional_put_writes_once_and_then_is_refused(store: Store) -> None:
    store.put("manifests/app/v1/manifest.json", b"first", if_absent=True)
    with pytest.raises(RefusedError):
        store.put("manifests/app/v1/manifest.json", b"second", if_absent=True)
    assert store.get("manifests/app/v1/manifest.json") == b"first"


def test_of_many_conditional_writers_one_wins(store: Store) -> None:
    def write(number: int) -> bool:
        try:
            store.put("manifests/app/race/manifest.json", b"%d" % number, if_absent=True)
        except RefusedError:
            return False
        return True

    with ThreadPoolExecutor(8) as writers:
        won = [number for number, ok in enumerate(writers.map(write, range(8))) if ok]
    assert len(won) == 1
    assert store.get("manifests/app/race/manifest.json") == b"%d" % won[0]


def test_a_storage_class_is_taken_or_done_without(store: Store) -> None:
    store.put("blobs/classed", b"x", storage_class="INTELLIGENT_TIERING")
    assert store.get("blobs/classed") == b"x"


def test_list_finds_what_starts_with_the_prefix_in_order(store: Store) -> None:
    names = [
        "manifests/app/v1/manifest.json",
        "manifests/app/v1/x/manifest.json",
        "manifests/app2/v1/manifest.json",
        "blobs/sha256/aa",
        "s3lo.yaml",
    ]
    for name in names:
        store.put(name, b"x")
    assert _keys(store) == sorted(names)
    assert _keys(store, "manifests/app/") == names[:2]
    assert _keys(store, "manifests/app") == names[:3]
    assert _keys(store, "blobs/sha256/") == ["blobs/sha256/aa"]
    assert _keys(store, "nothing/") == []
    assert {found.size for found in store.list("")} == {1}


def test_names_with_signs_that_urls_change_come_back_as_they_were(store: Store) -> None:
    names = sorted(f"blobs/{sign}/x" for sign in ["a b", "a+b", "a%20b", "é", "a&b=c", "~t", "<x>"])
    for name in names:
        store.put(name, name.encode())
    assert sorted(_keys(store, "blobs/")) == names
    assert [store.get(name) for name in names] == [name.encode() for name in names]
    store.delete(names)
    assert _keys(store, "blobs/") == []


def test_delete_removes_what_is_there_and_forgives_what_is_not(store: Store) -> None:
    store.put("blobs/one", b"1")
    store.put("blobs/two", b"2")
    store.delete(["blobs/one", "blobs/never"])
    assert _keys(store) == ["blobs/two"]


def test_what_cannot_be_deleted_is_told_and_the_rest_goes(store: Store) -> None:
    store.put("blobs/one", b"1")
    assert list(store.remove(["blobs/one", "blobs/never"])) == []
    assert _keys(store) == []


def test_the_time_is_that_of_the_clock_that_dates_objects(store: Store) -> None:
    before = store.now()
    store.put("blobs/one", b"1")
    found = store.head("blobs/one")
    assert found is not None
    assert found.last_modified is not None
    assert -2 < (found.last_modified - before).total_seconds() < 10
    assert _keys(store) == ["blobs/one"], "asking leaves nothing"


def test_what_is_unfinished_is_listed_and_given_up(
    place: Place, store: Store, request: pytest.FixtureRequest
) -> None:
    assert list(store.unfinished()) == []
    keys = [f"blobs/sha256/{digit}" for digit in "aab"]
    if place.kind == "local":
        for number, _ in enumerate(keys):
            beneath.begin(Path(store.location.name), f"blobs/{number}").close()
    else:
        client = request.getfixturevalue("seaweed").client
        for key in keys:
            client.create_multipart_upload(Bucket=store.location.name, Key=key)
    found = list(store.unfinished())
    assert len({each.upload_id for each in found}) == 3
    if place.kind != "local":
        assert sorted(each.key for each in found) == keys
    for each in found:
        assert each.started is not None
        assert -2 < (store.now() - each.started).total_seconds() < 60
        store.give_up(each)
        store.give_up(each)
    assert list(store.unfinished()) == []


def test_a_long_listing_is_complete(place: Place) -> None:
    store = place.make()
    names = [f"blobs/sha256/{number:05}" for number in range(1100)]
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda name: store.put(name, b""), names))
    assert _keys(store, "blobs/") == names
    store.delete(names)
    assert _keys(store) == []


def test_a_store_that_does_not_exist_is_said_to_be_missing(place: Place) -> None:
    with pytest.raises(NotFoundError, match="no such"):
        place.missing().get("s3lo.yaml")
    with pytest.raises(NotFoundError, match="no such"):
        list(place.missing().list(""))


def test_a_push_learns_early_whether_there_is_something_to_write_to(place: Place) -> None:
    """A directory is made when needed; a bucket has to be there."""
    store = place.missing()
    if place.kind == "local":
        assert store.head("blobs/x") is None
        store.put("blobs/x", b"x")
        assert store.get("blobs/x") == b"x"
        return
    with pytest.raises(NotFoundError, match="no such bucket"):
        store.head("blobs/x")


def test_a_tag_is_written_read_and_listed(store: Store) -> None:
    tags.write_tag(store, "org/app", "v1", b"{}")
    tags.write_tag(store, "org/app/v1", "x", b"[]")
    assert tags.read_tag(store, "org/app", "v1") == b"{}"
    assert tags.read_tag(store, "org/app/v1", "x") == b"[]"
    assert list(tags.list_tags(store, "org/app")) == ["v1"]
    assert store.get(keys.layout_key("org/app", "v1")) == b'{"imageLayoutVersion":"1.0.0"}'


def test_a_missing_tag_names_those_that_there_are(store: Store) -> None:
    tags.write_tag(store, "app", "v1", b"{}")
    tags.write_tag(store, "app", "v2", b"{}")
    with pytest.raises(NotFoundError) as raised:
        tags.read_tag(store, "app", "v3")
    assert "app:v3" in raised.value.message
    assert raised.value.hint == "app has: v1, v2."


def test_a_missing_image_points_to_the_list(store: Store) -> None:
    with pytest.raises(NotFoundError) as raised:
        tags.read_tag(store, "app", "v1")
    assert f"s3lo list {store.location}" in raised.value.hint


def test_an_immutable_tag_stays_what_it_was(store: Store) -> None:
    tags.write_tag(store, "app", "v1", b"first", immutable=True)
    with pytest.raises(ImmutableTag):
        tags.write_tag(store, "app", "v1", b"second", immutable=True)
    assert tags.read_tag(store, "app", "v1") == b"first"


def test_a_manifest_is_found_by_digest_as_a_blob_or_as_a_tag(store: Store) -> None:
    for number in range(20):
        tags.write_tag(store, "app", f"v{number}", b"tag %d" % number)
    store.put(keys.blob_key(Digest.of(b"platform")), b"platform")
    assert tags.find_by_digest(store, "app", Digest.of(b"tag 17")) == b"tag 17"
    assert tags.find_by_digest(store, "app", Digest.of(b"platform")) == b"platform"
    with pytest.raises(NotFoundError):
        tags.find_by_digest(store, "other", Digest.of(b"tag 17"))


def test_a_blob_that_is_not_what_its_name_says_is_not_handed_out(store: Store) -> None:
    store.put(keys.blob_key(Digest.of(b"right")), b"wrong")
    with pytest.raises(IntegrityError):
        tags.find_by_digest(store, "app", Digest.of(b"right"))


@pytest.mark.parametrize("key", ["../x", "a//b", "/etc/x", "a/../../x", "a/\0"])
def test_no_key_leads_out_of_a_directory(tmp_path: Path, key: str) -> None:
    root = tmp_path / "a" / "b" / "store"
    store = LocalStore(Location("local", str(root)))
    for call in (
        lambda: store.put(key, b"x"),
        lambda: store.get(key),
        lambda: store.head(key),
        lambda: store.delete([key]),
    ):
        with pytest.raises((InvalidReference, NotFoundError)):
            call()
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_bucket_and_a_directory_hold_the_same_bytes(seaweed: SeaweedS3, tmp_path: Path) -> None:
    """Rule of the format: copying one to the other key by key makes a store."""
    local: Store = LocalStore(Location("local", str(tmp_path / "store")))
    opened: list[Store] = []
    remote = _s3_place("boto", seaweed, opened).make()
    for store in (local, remote):
        tags.write_tag(store, "org/app", "v1", b"{}")
        store.put(keys.blob_key(Digest.of(b"blob")), b"blob", storage_class="INTELLIGENT_TIERING")
    contents = [
        {found.key: hashlib.sha256(store.get(found.key)).hexdigest() for found in store.list("")}
        for store in (local, remote)
    ]
    assert contents[0] == contents[1]
    on_disk = {str(p.relative_to(tmp_path / "store")) for p in tmp_path.rglob("*") if p.is_file()}
    assert on_disk == set(contents[0])
    opened[0].close()


def test_wrong_keys_are_denied(seaweed: SeaweedS3, place: Place) -> None:
    if place.kind == "local":
        return
    bucket = seaweed.create_bucket(f"denied-{next(_numbers)}")
    endpoint = Endpoint(bucket, "us-east-1", seaweed.endpoint_url, path_style=True)
    wire = _wire(place.kind, endpoint, Credentials(seaweed.access_key, "wrong"))
    store = S3Store(Location("s3", bucket), endpoint, wire)
    for call in (
        lambda: store.get("x"),
        lambda: store.head("x"),
        lambda: store.put("x", b""),
        lambda: list(store.list("")),
        lambda: store.delete(["x"]),
    ):
        with pytest.raises(S3loError) as raised:
            call()
        assert raised.value.exit_code == 4
    store.close()
