"""Checks: what is said of a bucket that no service of the tests can be: old, elsewhere, archived."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from s3lo.bucket.access import Access
from s3lo.bucket.layout import Named, TagFolders
from s3lo.bucket.rules import Rulebook
from s3lo.errors import AccessDeniedError, S3loError, ServiceError
from s3lo.model.objects import Endpoint, ObjectInfo, Unfinished
from s3lo.model.reference import Location
from s3lo.model.s3_errors import Unsupported
from s3lo.operations.census import Census
from s3lo.operations.cleaning.lifecycle import Grace
from s3lo.operations.examining.checks import (
    check_access,
    check_layout,
    check_orphans,
    check_region,
    check_storage,
    check_uploads,
)
from s3lo.operations.examining.examination import Examination
from s3lo.operations.examining.inventory import Inventory

NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)
GRACE = Grace(NOW, 3600.0)
ENDPOINT = Endpoint("bucket", "eu-central-1")
KEY = "blobs/sha256/" + 63 * "0"


def ago(**span: float) -> datetime.datetime:
    return NOW - datetime.timedelta(**span)


def seen(found: Sequence[ObjectInfo] = ()) -> Examination:
    inventory = Inventory(Census(), GRACE, keeps_names=False)
    for each in found:
        inventory.see_blob(each)
    return Examination(
        location=Location("s3", "bucket"),
        grace=GRACE,
        rules=Rulebook(),
        census=Census(),
        folders=TagFolders(GRACE.spares),
        foreign=Named(),
        unlisted=(),
        inventory=inventory,
        blobs_error=None,
        uploads=(),
        access=Access("allowed", "allowed"),
    )


def blob(digit: str, size: int, storage_class: str = "STANDARD") -> ObjectInfo:
    return ObjectInfo(KEY + digit, size, "", ago(days=1), storage_class)


def test_only_uploads_that_are_old_are_a_reason_to_clean() -> None:
    old = Unfinished(KEY + "a", "1", ago(days=3))
    young = Unfinished(KEY + "b", "2", ago(minutes=5))
    foreign = Unfinished("elsewhere", "3", ago(days=9))
    found = check_uploads(replace(seen(), uploads=[old, young, foreign]))
    assert found.status == "advice"
    assert found.detail == "2 unfinished, the oldest 3 days old"
    assert found.figures == {"uploads": 2, "old": 1, "foreign": 1}
    [finding] = found.findings
    assert finding.subject == "1 upload"
    assert finding.mend == "s3lo clean s3://bucket/ --uploads --confirm"
    assert check_uploads(replace(seen(), uploads=[young, foreign])).status == "ok"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unsupported("no"), "skipped"),
        (AccessDeniedError("no"), "denied"),
        (ServiceError("no"), "failed"),
    ],
)
def test_uploads_that_cannot_be_listed_are_told_by_why(error: S3loError, status: str) -> None:
    assert check_uploads(replace(seen(), uploads=error)).status == status


def test_orphans_that_are_old_are_counted_with_their_bytes() -> None:
    young = ObjectInfo(KEY + "a", 5, "", ago(minutes=5))
    found = check_orphans(seen([blob("1", 1000), blob("2", 500), young]))
    assert found.status == "advice"
    assert found.figures == {"blobs": 3, "bytes": 1505, "old_blobs": 2, "old_bytes": 1500}
    assert found.findings[0].subject == "2 blobs (1.5 kB)"


def test_large_blobs_in_standard_and_archived_ones_are_told() -> None:
    found = check_storage(
        seen(
            [
                blob("1", 128 << 10),
                blob("2", 1000),
                blob("3", 1 << 20, "INTELLIGENT_TIERING"),
                blob("4", 1 << 20, "DEEP_ARCHIVE"),
            ]
        ),
        ENDPOINT,
    )
    assert found.status == "advice"
    standard, archived = found.findings
    assert standard.subject == "1 blob (131.1 kB)"
    assert "--storage-class INTELLIGENT_TIERING s3://bucket/blobs/sha256/" in standard.mend
    assert "DEEP_ARCHIVE" in archived.problem
    assert check_storage(seen([blob("1", 1000)]), ENDPOINT).status == "ok"


def test_a_bucket_in_another_region_is_told_with_the_variable_to_set() -> None:
    assert check_region(ENDPOINT, "eu-central-1").status == "ok"
    found = check_region(ENDPOINT, "us-east-1")
    assert found.status == "advice"
    assert found.findings[0].mend == "export AWS_REGION=eu-central-1"


def test_a_probe_that_stayed_is_told_with_what_removes_it() -> None:
    found = check_access(replace(seen(), access=Access("allowed", "denied", KEY + "a")))
    assert found.status == "denied"
    assert found.findings[-1].mend == f"aws s3 rm s3://bucket/{KEY}a"


@pytest.mark.parametrize(
    ("error", "status"), [(AccessDeniedError("no"), "denied"), (ServiceError("no"), "failed")]
)
def test_what_could_not_be_listed_beside_content_is_told(error: S3loError, status: str) -> None:
    found = check_layout(replace(seen(), unlisted=(error,)))
    assert found.status == status
    assert "not everything" in found.detail


def test_only_the_first_of_many_foreign_keys_are_named() -> None:
    inventory = Inventory(Census(), GRACE, keeps_names=False)
    for number in range(1000):
        inventory.see_blob(ObjectInfo(f"blobs/sha256/{number}", 1))
    found = check_layout(replace(seen(), inventory=inventory))
    assert found.figures["foreign"] == 1000
    assert len(found.findings) == 100


def test_what_is_left_of_tags_is_told_when_it_is_old_and_with_a_clean_where_that_takes_it() -> None:
    folders = TagFolders(GRACE.spares)
    for key, written in (
        ("app/whole/oci-layout", ago(days=1)),
        ("app/whole/manifest.json", ago(days=1)),
        ("app/left/oci-layout", ago(days=1)),
        ("app/left/signatures/0123456789abcdef.json", ago(days=1)),
        ("app/older/config.json", ago(days=1)),
        ("app/older/oci-layout", ago(days=1)),
        ("app/pushed/oci-layout", ago(minutes=1)),
        ("app/pushed/signatures/0123456789abcdef.json", ago(days=1)),
    ):
        folders.see(ObjectInfo(f"manifests/{key}", 1, "", written))
    found = check_layout(replace(seen(), folders=folders))
    assert found.figures == {"foreign": 0, "left": 2}
    assert {each.subject: each.mend for each in found.findings} == {
        "manifests/app/left/": "s3lo clean s3://bucket/ --tags --confirm",
        "manifests/app/older/": "",
    }
