"""doctor: what is wrong is found, named with the tags it concerns, and with what mends it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

import s3lo
from s3lo.errors import NotFoundError, UsageError
from s3lo.operations.examining.diagnosis import Check, DoctorResult
from tests.stores import LINUX_AMD64, LINUX_ARM64, OCI, Shelf, digest_of, encoded

NAMES = (
    "access",
    "region",
    "layout",
    "rules",
    "tags",
    "closure",
    "orphans",
    "uploads",
    "storage",
)
LAYER = bytes(300_000)


def checks_of(result: DoctorResult) -> Mapping[str, Check]:
    return {check.name: check for check in result.checks}


def examined(shelf: Shelf, **options: object) -> Mapping[str, Check]:
    """Of a store that is expected not to be well."""
    result = s3lo.doctor(shelf.url, **options)  # type: ignore[arg-type]
    assert not result.healthy
    return checks_of(result)


def key_of(content: bytes) -> str:
    return f"blobs/sha256/{digest_of(content)[7:]}"


def test_a_store_that_is_well_is_left_as_it_is(shelf: Shelf) -> None:
    shelf.tag("team/app", "v1", shelf.manifest([LAYER]))
    shelf.tag("team/app", "v2", shelf.index([LINUX_AMD64, LINUX_ARM64]))
    before = [(found.key, found.etag, found.last_modified) for found in shelf.store.list("")]
    result = s3lo.doctor(shelf.url, deep=True)
    assert result.healthy
    found = checks_of(result)
    assert tuple(found) == (*NAMES, "content")
    problems = [f for check in result.checks for f in check.findings if check.name != "storage"]
    assert problems == []
    assert found["access"].detail == "list allowed, read allowed, write allowed, delete allowed"
    assert found["tags"].figures == {"tags": 2, "images": 1, "unreadable": 0}
    assert found["closure"].figures["blobs"] == len(shelf.keys("blobs/"))
    assert found["content"].figures["blobs"] == len(shelf.keys("blobs/"))
    assert found["orphans"].figures["blobs"] == 0
    after = [(found.key, found.etag, found.last_modified) for found in shelf.store.list("")]
    assert after == before
    assert list(shelf.store.unfinished()) == []


def test_an_empty_store_is_well_and_a_missing_one_is_not_found(shelf: Shelf) -> None:
    assert s3lo.doctor(shelf.url, deep=True).healthy
    with pytest.raises(NotFoundError) as raised:
        s3lo.doctor(f"{shelf.url[:-1]}-missing/")
    assert raised.value.doing == "examining"


def test_missing_and_short_blobs_are_named_with_the_tags_that_need_them(shelf: Shelf) -> None:
    for tag in ("v1", "v2"):
        shelf.tag("app", tag, shelf.manifest([b"gone", b"short", b"fine", tag.encode()]))
    shelf.tag("other", "v1", shelf.manifest([b"fine"]))
    shelf.store.delete([key_of(b"gone")])
    shelf.put(key_of(b"short"), b"shor")
    found = examined(shelf)
    assert found["closure"].status == "failed"
    by_digest = {each.subject: each for each in found["closure"].findings}
    assert set(by_digest) == {digest_of(b"gone"), digest_of(b"short")}
    assert by_digest[digest_of(b"gone")].problem == "is not in the store"
    assert by_digest[digest_of(b"short")].problem == "is 4 bytes where 5 are expected"
    for each in by_digest.values():
        assert (each.tags, each.tags_count) == (("app:v1", "app:v2"), 2)
        assert each.mend == f"s3lo push --force SOURCE {shelf.url}app:v1"


def test_a_blob_with_a_wrong_byte_is_found_where_content_is_read(shelf: Shelf) -> None:
    shelf.tag("app", "v1", shelf.manifest([LAYER, b"fine"]))
    shelf.put(key_of(LAYER), LAYER[:-1] + b"?")
    shelf.put(key_of(b"orphan"), b"?rphan")
    assert s3lo.doctor(shelf.url).healthy
    found = examined(shelf, deep=True)
    assert [name for name, check in found.items() if check.status == "failed"] == ["content"]
    assert {f.subject: f.tags for f in found["content"].findings} == {
        digest_of(LAYER): ("app:v1",),
        digest_of(b"orphan"): (),
    }
    assert {f.mend for f in found["content"].findings} == {
        f"s3lo push --force SOURCE {shelf.url}app:v1",
        f"s3lo clean {shelf.url} --blobs --confirm",
    }


def test_a_sample_is_drawn_again_with_the_seed_that_was_told(shelf: Shelf) -> None:
    for number in range(40):
        shelf.put(key_of(b"%d" % number), b"?")
    once = s3lo.doctor(shelf.url, deep=True, sample=0.2)
    assert once.seed is not None
    again = s3lo.doctor(shelf.url, deep=True, sample=0.2, seed=once.seed)
    damaged = [{f.subject for f in checks_of(r)["content"].findings} for r in (once, again)]
    assert damaged[0] == damaged[1]
    assert len(damaged[0]) == 8
    assert f"--seed {once.seed}" in checks_of(once)["content"].detail
    everything = checks_of(s3lo.doctor(shelf.url, deep=True, sample=1.0))["content"]
    assert everything.figures["damaged"] == 40


@pytest.mark.parametrize(
    "options", [{"sample": 0.5}, {"deep": True, "sample": 0.0}, {"deep": True, "seed": 1}]
)
def test_samples_that_make_no_sense_are_refused(shelf: Shelf, options: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        s3lo.doctor(shelf.url, **options)  # type: ignore[arg-type]


def test_unreadable_manifests_are_named_and_the_rest_is_checked(shelf: Shelf) -> None:
    shelf.tag("app", "broken", b"{not json")
    raw = shelf.index([LINUX_AMD64, LINUX_ARM64])
    shelf.tag("app", "spoilt", raw)
    spoilt = json.loads(raw)["manifests"][0]
    key = f"blobs/sha256/{spoilt['digest'][7:]}"
    shelf.put(key, shelf.store.get(key)[:-1] + b" ")
    shelf.tag("app", "gone", shelf.manifest([b"gone"]))
    shelf.store.delete([key_of(b"gone")])
    found = examined(shelf)
    assert {f.subject: f.tags for f in found["tags"].findings} == {
        "app:broken": ("app:broken",),
        spoilt["digest"]: ("app:spoilt",),
    }
    assert [f.subject for f in found["closure"].findings] == [digest_of(b"gone")]
    assert "may need some" in found["orphans"].detail


def test_a_manifest_of_an_index_that_is_missing_is_told_once(shelf: Shelf) -> None:
    gone = {"mediaType": f"{OCI}.manifest.v1+json", "digest": digest_of(b"gone"), "size": 4}
    index = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": [gone]}
    shelf.tag("app", "hollow", encoded(index))
    found = examined(shelf)
    assert found["tags"].findings == ()
    assert [f.subject for f in found["closure"].findings] == [digest_of(b"gone")]


def test_a_blob_that_two_manifests_give_two_sizes_is_told(shelf: Shelf) -> None:
    shelf.tag("app", "v1", shelf.manifest([b"layer"]))
    document = json.loads(shelf.manifest([b"layer"]))
    document["layers"][0]["size"] = 6
    shelf.tag("app", "v2", encoded(document))
    [finding] = examined(shelf)["closure"].findings
    assert (finding.subject, finding.tags_count) == (digest_of(b"layer"), 2)


def test_what_the_go_tool_wrote_is_right(shelf: Shelf) -> None:
    """Tags of its version 1, names in upper case, and layers in chunks (version 2 on)."""
    raw = shelf.manifest([b"in chunks", b"whole"])
    shelf.tag("Team/App_", "V1", raw)
    for name in ("config.json", "index.json", "history.json"):
        shelf.put(f"manifests/Team/App_/V1/{name}", b"{}")
    shelf.put("manifests/Team/App_/V1/signatures/0123456789abcdef.json", b"{}")
    hex_ = digest_of(b"in chunks")[7:]
    shelf.store.delete([key_of(b"in chunks")])
    chunk = digest_of(b"chunk")[7:]
    recipe = {"layer": hex_, "size": 9, "chunks": [{"digest": chunk, "size": 9}]}
    shelf.put(f"recipes/sha256/{hex_}", encoded(recipe))
    shelf.put(f"chunks/sha256/{chunk}", b"chunk")
    shelf.put(f"indexes/sha256/{chunk}", b"index")
    result = s3lo.doctor(shelf.url, deep=True)
    assert result.healthy
    found = checks_of(result)
    assert found["layout"].findings == ()
    assert found["closure"].figures == {"blobs": 3, "damaged": 0, "in_chunks": 1}
    assert "1 of them in chunks" in found["closure"].detail


def test_foreign_keys_are_named_and_a_push_that_is_under_way_is_not(shelf: Shelf) -> None:
    shelf.tag("app", "v1")
    foreign = (
        "README",
        "other/file",
        "blobs/md5/x",
        "blobs/sha256/short",
        "chunks/x",
        "manifests/app/v1/notes.txt",
        "manifests/app/v1/signatures/key.json",
        "manifests/manifest.json",
        "manifests/app/v 1/manifest.json",
    )
    for key in foreign:
        shelf.put(key, b"x")
    shelf.put("manifests/app/v2/oci-layout", b"{}")
    result = s3lo.doctor(shelf.url)
    assert result.healthy
    layout = checks_of(result)["layout"]
    assert layout.status == "advice"
    subjects = {finding.subject for finding in layout.findings}
    named = {"other/file": "other/", "blobs/md5/x": "blobs/md5/"}
    assert subjects == {named.get(key, key) for key in foreign}
    mends = {finding.subject: finding.mend for finding in layout.findings}
    assert mends["README"].endswith(f"{shelf.url.split('://')[1]}README")
    assert "'" in mends["manifests/app/v 1/manifest.json"]
    assert layout.figures == {"foreign": len(foreign), "left": 0}


def test_rules_that_are_malformed_or_idle_are_told(shelf: Shelf) -> None:
    shelf.tag("app", "v1")
    shelf.put("s3lo.yaml", b"default: {immutable: maybe}\n")
    found = examined(shelf)["rules"]
    assert found.status == "failed"
    assert "default.immutable" in found.detail
    assert f"s3lo config set {shelf.url}" in found.findings[0].mend
    shelf.put("s3lo.yaml", b"images: {app: {immutable: true}, 'dev/*': {immutable: true}}\n")
    result = s3lo.doctor(shelf.url)
    assert result.healthy
    assert [f.subject for f in checks_of(result)["rules"].findings] == ["images.dev/*"]


def test_young_orphans_are_counted_and_no_reason_to_clean(shelf: Shelf) -> None:
    shelf.tag("app", "v1")
    shelf.put(key_of(b"orphan"), b"orphan")
    found = checks_of(s3lo.doctor(shelf.url))["orphans"]
    assert (found.status, found.findings) == ("ok", ())
    assert found.figures == {"blobs": 1, "bytes": 6, "old_blobs": 0, "old_bytes": 0}


def test_old_orphans_and_unfinished_files_of_a_directory_are_to_be_cleaned(tmp_path: Path) -> None:
    import os

    root = tmp_path / "store"
    blob = root / key_of(b"orphan")
    pending = root / ".s3lo-pending" / "left"
    for path in (blob, pending):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"orphan")
        os.utime(path, (1e9, 1e9))
    found = checks_of(s3lo.doctor(f"local://{root}/"))
    [orphans], [uploads] = found["orphans"].findings, found["uploads"].findings
    assert orphans.mend == f"s3lo clean local://{root}/ --blobs --confirm"
    assert uploads.mend == f"s3lo clean local://{root}/ --uploads --confirm"
    assert found["uploads"].figures["bytes"] == 6


def test_a_link_in_a_directory_is_told_and_what_lies_elsewhere_is_checked(tmp_path: Path) -> None:
    root = tmp_path / "store"
    (root / "blobs" / "sha256").mkdir(parents=True)
    (root / key_of(b"layer")).symlink_to(tmp_path / "elsewhere")
    result = s3lo.doctor(f"local://{root}/")
    assert not result.healthy
    found = checks_of(result)
    assert found["closure"].status == "failed"
    assert "symbolic link" in found["closure"].detail
    assert found["tags"].status == "ok"
