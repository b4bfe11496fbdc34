"""Local store: what is different from a bucket: links, leftovers, modes, files of others."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from s3lo.beneath import begin
from s3lo.bucket.local import LocalStore, is_store
from s3lo.errors import DiskFull, LocalError, NotFoundError
from s3lo.model.reference import Location, parse_image_reference

KEY = "manifests/app/v1/manifest.json"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    root = tmp_path / "store"
    root.mkdir()
    return LocalStore(Location("local", str(root)))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory with a secret that no store may show or change."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "manifest.json").write_bytes(b"secret")
    return place


def _keys(store: LocalStore) -> list[str]:
    return [found.key for found in store.list("")]


@pytest.mark.parametrize("link", ["manifests", "manifests/app", "manifests/app/v1"])
def test_a_linked_directory_is_neither_read_written_nor_passed_over(
    store: LocalStore, outside: Path, link: str
) -> None:
    target = outside
    for part in reversed(KEY.split("/")[link.count("/") + 1 : -1]):
        target = target / part
    target.mkdir(parents=True, exist_ok=True)
    (target / "manifest.json").write_bytes(b"secret")
    (store.root / link).parent.mkdir(parents=True, exist_ok=True)
    (store.root / link).symlink_to(outside)
    for call in (
        lambda: store.get(KEY),
        lambda: store.head(KEY),
        lambda: store.put(KEY, b"x"),
        lambda: store.delete([KEY]),
        lambda: list(store.list("manifests/")),
        lambda: list(store.list("manifests/app/v1/")),
    ):
        with pytest.raises(LocalError, match="link"):
            call()
    assert (target / "manifest.json").read_bytes() == b"secret"


def test_a_linked_file_is_neither_read_nor_passed_over(store: LocalStore, outside: Path) -> None:
    (store.root / KEY).parent.mkdir(parents=True)
    (store.root / KEY).symlink_to(outside / "manifest.json")
    for call in (
        lambda: store.get(KEY),
        lambda: store.head(KEY),
        lambda: list(store.list("")),
    ):
        with pytest.raises(LocalError, match="link"):
            call()


def test_deleting_a_linked_file_removes_the_link_only(store: LocalStore, outside: Path) -> None:
    (store.root / KEY).parent.mkdir(parents=True)
    (store.root / KEY).symlink_to(outside / "manifest.json")
    store.delete([KEY])
    assert (outside / "manifest.json").read_bytes() == b"secret"
    assert _keys(store) == []


def test_a_dangling_link_is_not_absence(store: LocalStore) -> None:
    (store.root / "manifests").symlink_to("/nowhere")
    with pytest.raises(LocalError):
        store.head(KEY)


def test_what_is_being_written_is_not_listed(store: LocalStore) -> None:
    with begin(store.root, KEY) as pending:
        os.write(pending.fd, b"half")
        assert _keys(store) == []
        assert store.head(KEY) is None
        pending.commit()
    assert _keys(store) == [KEY]


def test_what_a_killed_writer_left_is_not_listed(store: LocalStore) -> None:
    begin(store.root, KEY).close()
    assert _keys(store) == []
    with pytest.raises(NotFoundError):
        store.get(KEY)


def test_deleting_prunes_empty_directories_and_no_others(store: LocalStore) -> None:
    store.put(KEY, b"1")
    store.put("manifests/app/v1/x/manifest.json", b"2")
    store.delete([KEY])
    assert _keys(store) == ["manifests/app/v1/x/manifest.json"]
    store.delete(["manifests/app/v1/x/manifest.json"])
    assert list(store.root.iterdir()) == []


def test_keys_come_in_the_order_of_a_bucket(store: LocalStore) -> None:
    """``-`` and ``.`` sort before ``/``: sorting directory by directory would not do."""
    names = ["a-b/x", "a.b/x", "a/x", "a0/x", "aé/x", "a"]
    for name in names[:-1]:
        store.put(f"blobs/{name}", b"")
    found = _keys(store)
    assert found == sorted(found, key=str.encode)
    assert len(found) == 5


def test_a_file_where_a_key_has_a_directory_means_absence(store: LocalStore) -> None:
    store.put("blobs/x", b"")
    assert store.head("blobs/x/y") is None
    store.delete(["blobs/x/y"])
    with pytest.raises(NotFoundError):
        store.get("blobs/x/y")


def test_a_directory_is_no_object(store: LocalStore) -> None:
    store.put(KEY, b"")
    assert store.head("manifests/app") is None


def test_a_fifo_does_not_hang_a_reader(store: LocalStore) -> None:
    os.mkfifo(store.root / "s3lo.yaml")
    with pytest.raises(LocalError):
        store.get("s3lo.yaml")


def test_what_may_not_be_read_is_not_absent(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(KEY, b"")

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("s3lo.beneath.os.open", refuse)
    for call in (lambda: store.get(KEY), lambda: store.head(KEY), lambda: list(store.list(""))):
        with pytest.raises(LocalError, match="Permission denied"):
            call()


def test_a_full_disk_is_called_so(store: LocalStore) -> None:
    """/dev/full stands in for the disk: the pending file's descriptor is pointed at it."""
    store.put(KEY, b"before")
    real = begin

    def on_a_full_disk(root: Path, key: str) -> object:
        pending = real(root, key)
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, pending.fd)
        os.close(full)
        return pending

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("s3lo.beneath.begin", on_a_full_disk)
        with pytest.raises(DiskFull):
            store.put(KEY, b"after")
    assert store.get(KEY) == b"before"
    assert _keys(store) == [KEY]


def test_a_store_is_known_by_what_it_holds(tmp_path: Path) -> None:
    assert not is_store(str(tmp_path))
    assert not is_store(str(tmp_path / "missing"))
    for mark in ("blobs", "manifests"):
        (tmp_path / mark / mark).mkdir(parents=True)
        assert is_store(str(tmp_path / mark))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "s3lo.yaml").write_text("")
    assert is_store(str(tmp_path / "rules"))


def test_a_reference_finds_the_store_it_lies_in(tmp_path: Path) -> None:
    store = LocalStore(Location("local", str(tmp_path / "deep" / "store")))
    store.put(KEY, b"")
    reference = parse_image_reference(f"local://{tmp_path}/deep/store/org/app:v1", is_store)
    assert reference.location == store.location
    assert reference.image == "org/app"


def test_a_file_that_a_process_holds_is_not_given_up(store: LocalStore) -> None:
    with begin(store.root, "blobs/x") as pending:
        assert list(store.unfinished()) == []
        left = begin(store.root, "blobs/y")
        left.close()
        [found] = store.unfinished()
        with left.reopen(store.root, "blobs/y", left.name):
            store.give_up(found)
            assert pending.path.exists()
            assert (store.root / found.key).exists()
    assert store.now().timestamp() > 0
    assert _keys(store) == []


def test_the_time_of_a_store_that_cannot_be_written_to_is_this_machines(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.mkdir", read_only)
    assert abs(store.now().timestamp() - time.time()) < 5


def test_what_cannot_be_deleted_is_named_and_the_rest_goes(store: LocalStore) -> None:
    store.put("blobs/one", b"1")
    (store.root / "blobs" / "directory").mkdir()
    store.put("blobs/two", b"2")
    [failed] = store.remove(["blobs/one", "blobs/directory", "blobs/two"])
    assert (failed.key, failed.code) == ("blobs/directory", "local")
    assert _keys(store) == []
    with pytest.raises(LocalError):
        store.delete(["blobs/directory"])


def test_what_vanishes_while_it_is_listed_is_passed_over(store: LocalStore) -> None:
    for tag in ("v1", "v2", "v3"):
        store.put(f"manifests/app/{tag}/manifest.json", b"1")
    listed = store.list("manifests/")
    assert next(listed).key == KEY
    store.delete(["manifests/app/v2/manifest.json"])
    assert [found.key for found in listed] == ["manifests/app/v3/manifest.json"]


def test_a_listing_that_is_left_half_way_holds_no_directory_open(store: LocalStore) -> None:
    for tag in ("v1", "v2"):
        store.put(f"manifests/app/{tag}/manifest.json", b"1")
    before = os.listdir("/proc/self/fd")
    listed = store.list("manifests/")
    next(listed)
    del listed
    assert os.listdir("/proc/self/fd") == before
