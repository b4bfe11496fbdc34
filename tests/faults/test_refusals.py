"""What is not there and what is not allowed: each with its own exit status, and a way on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.command import Commands
from tests.faults.images import Bucket, Layout, names_in

WRONG_CREDENTIALS = (
    {"AWS_SECRET_ACCESS_KEY": "another secret"},
    {"AWS_ACCESS_KEY_ID": "nobody-knows-me"},
)


@pytest.mark.parametrize("wrong", WRONG_CREDENTIALS, ids=["secret", "key"])
def test_wrong_credentials_are_denied(
    s3lo: Commands, stored: Bucket, large: Layout, tmp_path: Path, wrong: dict[str, str]
) -> None:
    pull = s3lo.start("pull", stored.reference(), "--to", f"oci:{tmp_path / 'pulled'}", **wrong)
    push = s3lo.start("push", f"oci:{large.path}", stored.reference("mine"), **wrong)
    for command, tag in ((pull, "v1"), (push, "mine")):
        command.wait().fails(4, stored.reference(tag), "denies access", "--profile")
    assert names_in(tmp_path) == {"scratch"}


def test_a_bucket_that_is_not_there_is_named(s3lo: Commands, small: Layout, tmp_path: Path) -> None:
    reference = "s3://no-such-bucket-here/app:v1"
    pull = s3lo.start("pull", reference, "--to", f"oci:{tmp_path / 'pulled'}")
    push = s3lo.start("push", f"oci:{small.path}", reference)
    for command in (pull, push):
        command.wait().fails(3, reference, "no such bucket", "--endpoint-url")
    assert names_in(tmp_path) == {"scratch"}


def test_a_tag_that_is_not_there_is_answered_with_those_that_are(
    s3lo: Commands, stored: Bucket, tmp_path: Path
) -> None:
    target = f"oci:{tmp_path / 'pulled'}"
    s3lo.run("pull", stored.reference("v2"), "--to", target).fails(3, "app:v2", "app has: v1")
    other = f"s3://{stored.name}/other:v1"
    s3lo.run("pull", other, "--to", target).fails(3, "other:v1", "s3lo list")
    assert names_in(tmp_path) == {"scratch"}


def test_a_platform_that_is_not_there_is_answered_with_the_one_that_is(
    s3lo: Commands, stored: Bucket, tmp_path: Path
) -> None:
    pulled = s3lo.run(
        *("pull", stored.reference(), "--to", f"oci:{tmp_path / 'pulled'}"),
        *("--platform", "linux/s390x"),
    )
    pulled.fails(3, stored.reference(), "not for linux/s390x", "--platform")
    assert names_in(tmp_path) == {"scratch"}
