"""clean: what goes, what stays, and that nothing goes where anything is not understood."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import s3lo
from s3lo.bucket.keys import CLEANING_KEY
from s3lo.errors import IntegrityError, InvalidDocument, NotFoundError, UsageError
from s3lo.events import Event, Note
from s3lo.operations.results import CleanResult
from tests.stores import LINUX_AMD64, LINUX_ARM64, OCI, Shelf, digest_of, encoded


def cleaned(shelf: Shelf, **options: Any) -> CleanResult:
    """A dry run that changes nothing, and then what it foretold."""
    options = {"grace_seconds": 0.0, **options}
    before = shelf.keys()
    foretold = s3lo.clean(shelf.url, **options)
    assert shelf.keys() == before
    done = s3lo.clean(shelf.url, confirm=True, **options)
    assert foretold.dry_run
    assert not done.dry_run
    for name in ("tags", "tags_pruned", "blobs_deleted", "chunks_deleted", "bytes_freed", "errors"):
        assert getattr(foretold, name) == getattr(done, name), name
    assert CLEANING_KEY not in set(shelf.keys())
    assert s3lo.clean(shelf.url, **options).tags_pruned == 0
    assert s3lo.clean(shelf.url, **options).blobs_deleted == 0
    return done


def tags(shelf: Shelf) -> list[str]:
    return sorted(f"{each.image}:{each.tag}" for each in s3lo.list_tags(shelf.url))


def garbage(shelf: Shelf, content: bytes = b"garbage") -> str:
    return f"blobs/sha256/{shelf.blob(content, 'application/x')['digest'][7:]}"


def lose_platform(shelf: Shelf) -> str:
    raw = shelf.index([LINUX_AMD64, LINUX_ARM64])
    lost = json.loads(raw)["manifests"][1]["digest"]
    shelf.store.delete([f"blobs/sha256/{lost[7:]}"])
    shelf.tag("hollow", "v1", raw)
    return str(lost)


def test_an_empty_store_has_nothing_to_clean_and_a_missing_one_is_not_found(shelf: Shelf) -> None:
    assert cleaned(shelf).blobs_deleted == 0
    assert shelf.keys() == []
    for confirm in (False, True):
        with pytest.raises(NotFoundError):
            s3lo.clean(f"{shelf.url[:-1]}-missing/", confirm=confirm)


def test_what_no_tag_needs_goes_and_everything_else_stays(shelf: Shelf) -> None:
    shelf.tag("app", "v1", shelf.manifest([b"base", b"one"]))
    shelf.tag("Upper/App", "V1", shelf.index([LINUX_AMD64, LINUX_ARM64]))
    inner = shelf.blob(shelf.index([LINUX_AMD64], b"deep"), f"{OCI}.index.v1+json")
    body = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": [inner]}
    shelf.tag("deep", "v1", encoded(body))
    own = shelf.manifest([b"base"], note="also stored as a blob")
    shelf.tag("old", "v1", own)
    shelf.blob(own, f"{OCI}.manifest.v1+json")
    for odd in ("blobs/sha256/README", f"blobs/sha512/{'0' * 128}", "notes/x", "manifests/x"):
        shelf.put(odd, b"not ours to judge")
    for extra in ("config.json", "index.json", "history.json"):
        shelf.put(f"manifests/old/v1/{extra}", b"{}")
    before = set(shelf.keys())
    gone = {garbage(shelf), garbage(shelf, b"more garbage")}
    done = cleaned(shelf)
    assert (done.blobs_deleted, done.bytes_freed, done.tags_pruned) == (2, 19, 0)
    assert set(shelf.keys()) == before
    assert gone.isdisjoint(before)


def test_what_is_younger_than_the_grace_period_stays(shelf: Shelf) -> None:
    key = garbage(shelf)
    shelf.tag("app", "v1")
    shelf.tag("app", "v2")
    shelf.put("s3lo.yaml", b"default: {lifecycle: {keep_last: 1}}")
    done = s3lo.clean(shelf.url, confirm=True)
    assert (done.tags_pruned, done.blobs_deleted) == (0, 0)
    time.sleep(2.1)
    done = s3lo.clean(shelf.url, confirm=True, grace_seconds=2.0)
    assert (done.tags_pruned, done.blobs_deleted) == (1, 1)
    assert key not in set(shelf.keys())


def test_tags_go_by_the_rules_and_then_what_they_alone_needed(shelf: Shelf) -> None:
    for number in (1, 2, 3):
        shelf.tag("app", f"v{number}", shelf.manifest([b"base", b"own %d" % number]))
    shelf.tag("app", "latest", shelf.manifest([b"base", b"own 1"]))
    shelf.tag("app/v1", "x", shelf.manifest([b"base", b"nested"]))
    shelf.put("manifests/app/v1/signatures/0123456789abcdef.json", b"{}")
    shelf.put("s3lo.yaml", b"images: {app: {lifecycle: {keep_last: 2, keep_tags: [latest]}}}")
    done = cleaned(shelf)
    # Written in one second or not: v3 is among the newest two, v1 and v2 are not both.
    went = {(each.image, each.tag, each.rule, each.limit, each.source) for each in done.tags}
    assert {each[0] for each in went} == {"app"}
    assert {each[2:] for each in went} == {("keep_last", "2", "images.app")}
    assert "app:latest" in tags(shelf)
    assert "app/v1:x" in tags(shelf)
    assert len(tags(shelf)) == 5 - len(went)
    if ("app", "v1") in {each[:2] for each in went}:
        assert shelf.keys("manifests/app/v1/") == [
            "manifests/app/v1/x/manifest.json",
            "manifests/app/v1/x/oci-layout",
        ]
    for left in s3lo.list_tags(shelf.url):
        assert s3lo.inspect(f"{shelf.url}{left.image}:{left.tag}").platforms


@pytest.mark.parametrize("wanted", ["tags", "blobs", "uploads"])
def test_only_what_is_asked_for_is_done(shelf: Shelf, wanted: str) -> None:
    key = garbage(shelf)
    shelf.tag("app", "v1")
    shelf.tag("app", "v2")
    shelf.put("s3lo.yaml", b"default: {lifecycle: {keep_last: 1}}")
    done = cleaned(shelf, **{wanted: True})
    assert done.tags_pruned == (wanted == "tags")
    assert done.blobs_deleted == (wanted == "blobs")
    assert (key in set(shelf.keys())) == (wanted != "blobs")


def test_rules_from_a_file_hold_for_those_of_the_store(shelf: Shelf, tmp_path: Path) -> None:
    shelf.tag("app", "v1")
    shelf.tag("app", "v2")
    shelf.put("s3lo.yaml", b"this: [is, not")
    rules = tmp_path / "rules.yaml"
    rules.write_text("default: {lifecycle: {keep_last: 1}}")
    assert cleaned(shelf, rules=rules).tags_pruned == 1
    rules.write_text("default: [")
    with pytest.raises(InvalidDocument) as malformed:
        s3lo.clean(shelf.url, rules=rules)
    assert malformed.value.reference == str(rules)
    rules.write_bytes(b"#" * (2 << 20))
    with pytest.raises(IntegrityError):
        s3lo.clean(shelf.url, rules=rules)


def test_rules_that_cannot_be_read_let_nothing_go(shelf: Shelf) -> None:
    key = garbage(shelf)
    for malformed in (b"images: [", b"default: {lifecycle: {max_age: soon}}", b"[1]", b"\0"):
        shelf.put("s3lo.yaml", malformed)
        with pytest.raises(InvalidDocument):
            s3lo.clean(shelf.url, confirm=True, grace_seconds=0.0)
        assert set(shelf.keys()) == {key, "s3lo.yaml"}
    assert cleaned(shelf, blobs=True).blobs_deleted == 1


def test_what_cannot_be_read_is_named_and_nothing_is_deleted(shelf: Shelf) -> None:
    garbage(shelf)
    shelf.tag("app", "v1")
    shelf.tag("app", "v2")
    shelf.tag("broken", "v1", b"{not json")
    shelf.put("s3lo.yaml", b"default: {lifecycle: {keep_last: 1}}")
    lost = lose_platform(shelf)
    odd = {"mediaType": "application/odd", "digest": digest_of(b"odd"), "size": 3}
    body = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": [odd]}
    shelf.tag("odd", "v1", encoded(body))
    shelf.put(f"recipes/sha256/{'1' * 64}", b'{"chunks": "?"}')
    shelf.put(f"recipes/v3/{'1' * 64}", b"{}")
    before = shelf.keys()
    seen: list[Event] = []
    done = s3lo.clean(shelf.url, confirm=True, grace_seconds=0.0, observer=seen.append)
    assert shelf.keys() == before
    assert (done.tags_pruned, done.blobs_deleted, done.uploads_aborted) == (0, 0, 0)
    named = sorted(line.partition(": ")[0] for line in done.errors)
    assert named == sorted(
        [
            "broken:v1",
            lost,
            digest_of(b"odd"),
            f"recipes/sha256/{'1' * 64}",
            f"recipes/v3/{'1' * 64}",
        ]
    )
    assert len([event for event in seen if isinstance(event, Note)]) == 5


def test_layers_in_chunks_keep_all_they_are_made_of(shelf: Shelf) -> None:
    def layer(name: str, *chunks: bytes) -> str:
        hex_ = digest_of(name.encode())[7:]
        for chunk in chunks:
            shelf.put(f"chunks/sha256/{digest_of(chunk)[7:]}", b"zstd of " + chunk)
        refs = [{"digest": digest_of(c)[7:], "size": 9, "compressedSize": 9} for c in chunks]
        recipe = {"layer": "0" * 64, "size": 9, "compressedDigest": hex_, "chunks": refs}
        shelf.put(f"indexes/sha256/{hex_}", b"{}")
        shelf.put(f"recipes/sha256/{hex_}", encoded(recipe))
        return hex_

    kept, gone = layer("kept", b"shared", b"mine"), layer("gone", b"shared", b"alone")
    raw = shelf.manifest([b"kept"])
    shelf.store.delete([f"blobs/sha256/{digest_of(b'kept')[7:]}"])
    shelf.tag("app", "v1", raw)
    done = cleaned(shelf)
    assert (done.blobs_deleted, done.chunks_deleted) == (0, 3)
    left = shelf.keys("chunks/") + shelf.keys("recipes/") + shelf.keys("indexes/")
    chunks = [f"chunks/sha256/{digest_of(chunk)[7:]}" for chunk in (b"shared", b"mine")]
    assert sorted(left) == sorted([*chunks, f"recipes/sha256/{kept}", f"indexes/sha256/{kept}"])
    layer("gone", b"shared", b"alone")
    young = s3lo.clean(shelf.url, confirm=True, blobs=True)
    assert young.chunks_deleted == 0
    assert f"recipes/sha256/{gone}" in set(shelf.keys())


def test_signatures_go_with_what_they_sign(shelf: Shelf) -> None:
    index = shelf.index([LINUX_AMD64])
    inner = json.loads(index)["manifests"][0]["digest"][7:]
    root = shelf.tag("app", "v1", index)[7:]
    other = shelf.tag("app", "v2")[7:]
    for subject in (inner, root, other):
        shelf.tag("app", f"sha256-{subject}.sig", shelf.manifest([subject.encode()]))
    shelf.tag("else", f"sha256-{root}", shelf.manifest([b"in another image"]))
    shelf.put("s3lo.yaml", b"default: {lifecycle: {keep_last: 2}}")
    done = cleaned(shelf)
    assert [(each.image, each.rule) for each in done.tags] == [("else", "referrer")]
    s3lo.delete(f"{shelf.url}app:v1")
    assert cleaned(shelf).tags_pruned == 2
    assert tags(shelf) == [f"app:sha256-{other}.sig", "app:v2"]


def test_what_an_interrupted_deletion_left_of_a_tag_goes(shelf: Shelf) -> None:
    shelf.tag("app", "v1")
    for gone in ("app/v0", "app/v1/x", "app/v2"):
        shelf.put(f"manifests/{gone}/oci-layout", b"{}")
    shelf.put("manifests/app/v2/index.json", b"of another tool, for all that is known")
    shelf.put("manifests/app/v0/signatures/0123456789abcdef.json", b"{}")
    before = set(shelf.keys())
    s3lo.clean(shelf.url, confirm=True)
    assert set(shelf.keys()) == before
    assert cleaned(shelf).tags_pruned == 0
    assert before - set(shelf.keys()) == {
        "manifests/app/v0/oci-layout",
        "manifests/app/v0/signatures/0123456789abcdef.json",
        "manifests/app/v1/x/oci-layout",
    }


def test_a_negative_grace_period_is_refused(shelf: Shelf) -> None:
    with pytest.raises(UsageError):
        s3lo.clean(shelf.url, grace_seconds=-1.0)


def test_unfinished_uploads_go_when_they_are_old(
    shelf: Shelf, request: pytest.FixtureRequest
) -> None:
    if shelf.url.startswith("local"):
        pending = Path(shelf.url[8:]) / ".s3lo-pending"
        pending.mkdir()
        for name in ("old", "young"):
            (pending / name).write_bytes(b"x")
        os.utime(pending / "old", (1, 1))
        assert s3lo.clean(shelf.url, uploads=True).uploads_aborted == 1
        assert sorted(os.listdir(pending)) == ["old", "young"]
        assert s3lo.clean(shelf.url, confirm=True).uploads_aborted == 1
        assert os.listdir(pending) == ["young"]
        return
    client = request.getfixturevalue("seaweed").client
    bucket = request.getfixturevalue("bucket")
    for key in (f"blobs/sha256/{'a' * 64}", f"blobs/sha256/{'b' * 64}", "others/x"):
        client.create_multipart_upload(Bucket=bucket, Key=key)
    assert s3lo.clean(shelf.url, confirm=True, uploads=True).uploads_aborted == 0
    assert s3lo.clean(shelf.url, uploads=True, grace_seconds=0).uploads_aborted == 2
    assert s3lo.clean(shelf.url, confirm=True, grace_seconds=0).uploads_aborted == 2
    left = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [each["Key"] for each in left] == ["others/x"]


def test_two_cleans_at_once_delete_everything_once(shelf: Shelf) -> None:
    from concurrent.futures import ThreadPoolExecutor

    for number in range(30):
        garbage(shelf, b"garbage %d" % number)
    shelf.tag("app", "v1")
    with ThreadPoolExecutor(3) as pool:
        urls = [shelf.url] * 3
        done: Sequence[CleanResult] = list(
            pool.map(lambda url: s3lo.clean(url, confirm=True, grace_seconds=0.0), urls)
        )
    assert sum(each.blobs_deleted for each in done) == 30
    assert all(each.errors == () for each in done)
    assert len(shelf.keys("blobs/")) == 2
    assert CLEANING_KEY not in set(shelf.keys())
