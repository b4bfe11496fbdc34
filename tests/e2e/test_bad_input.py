"""Bad input: its exit status, a message that says what to do, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import S3lo
from tests.images import sized_image, write_docker_archive, write_oci_layout


@pytest.fixture
def layout(tmp_path: Path) -> str:
    made = tmp_path / "made"
    made.mkdir()
    write_oci_layout(sized_image(made, (50_000, 20_000)), tmp_path / "layout")
    return f"oci:{tmp_path / 'layout'}"


@pytest.mark.parametrize(
    "reference",
    [
        "bucket/app:v1",
        "http://bucket/app:v1",
        "s3://bucket/app",
        "s3://bucket/app:",
        "s3://bucket/:v1",
        "s3://bucket/../app:v1",
        "s3://bucket/a//b:v1",
        "s3://bucket/app:v1@sha256:1234",
        "s3://B/app:v1",
        "s3:///app:v1",
        "s3://bucket/app:v\n1",
        "local://app\\..\\x:v1",
        "local://./a/../../b:v1",
        "",
    ],
)
def test_malformed_references_are_usage_errors(s3lo: S3lo, reference: str) -> None:
    ran = s3lo("pull", reference, "--to", "oci:out", "-o", "json")
    assert ran.status == 2
    assert ran.result["error"]["code"] in ("usage", "invalid_reference")
    assert ran.result["error"]["hint"]
    assert ran.stderr.startswith("s3lo: ")
    assert not (s3lo.directory / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("push", "oci:absent", "s3://bucket/app:v1"), 3),
        (("push", "docker-archive:absent.tar", "s3://bucket/app:v1"), 3),
        (("push", "oci:", "s3://bucket/app:v1"), 2),
        (("push", "Not A Name", "s3://bucket/app:v1"), 2),
        (("push", "oci:layout", "s3://bucket/App:v1"), 2),
        (("push", "oci:layout", "s3://bucket/app@sha256:" + 64 * "0"), 2),
        (("push", "oci:layout", "s3://bucket/app:v1", "--platform", "plan9"), 2),
        (("push", "oci:layout", "s3://bucket/app:v1", "--platform", "plan9/mips"), 3),
        (("push", "oci:layout:another", "s3://bucket/app:v1"), 3),
        (("push", "oci:layout", "s3://bucket/app:v1", "--part-size", "1k"), 2),
        (("push", "oci:layout", "s3://bucket/app:v1", "--processes", "many"), 2),
        (("push", "oci:layout", "s3://bucket/app:v1", "--endpoint-url", "nowhere"), 2),
        (("push", "oci:layout", "s3://bucket/app:v1", "--ca-bundle", "absent.pem"), 8),
        (("pull", "s3://bucket/app:v1", "--to", "floppy:a"), 2),
        (("tune", "--interfaces", "lo,absent0"), 2),
        (("tune", "--interfaces", "../lo"), 2),
        (("pull", "local://./absent/app:v1", "--to", "oci:out"), 3),
        (("list", "s3://bucket/app"), 2),
        (("list", "bucket"), 2),
        (("list", "s3://no-such-bucket/"), 3),
        (("list", "local://./absent/"), 3),
        (("list", "s3://bucket/", "--no-sign-request"), 4),
        (("inspect", "s3://bucket/app"), 2),
        (("inspect", "s3://bucket/app:v1", "--platform", "plan9"), 2),
        (("inspect", "s3://bucket/app:v1"), 3),
        (("inspect", "s3://bucket/app:v1", "--raw"), 3),
        (("inspect", "s3://no-such-bucket/app:v1"), 3),
        (("delete", "s3://bucket/app"), 2),
        (("delete", "s3://bucket/"), 2),
        (("delete", "s3://bucket/app:v1"), 3),
        (("delete", "s3://bucket/app:v1", "--all-tags"), 2),
        (("delete", "s3://bucket/app@sha256:" + 64 * "0"), 2),
        (("delete", "s3://bucket/app@sha256:" + 64 * "0", "--all-tags"), 3),
        (("delete", "local://./absent/app:v1"), 3),
        (("clean", "s3://bucket/app"), 2),
        (("clean", "s3://bucket/", "--grace", "-1h"), 2),
        (("clean", "s3://bucket/", "--config", "absent"), 2),
        (("clean", "s3://no-such-bucket/"), 3),
        (("clean", "s3://no-such-bucket/", "--confirm"), 3),
        (("clean", "local://./absent/", "--confirm"), 3),
        (("stats", "s3://bucket/app"), 2),
        (("stats", "s3://no-such-bucket/"), 3),
        (("stats", "local://./absent/"), 3),
        (("doctor", "s3://bucket/app"), 2),
        (("doctor", "bucket"), 2),
        (("doctor", "s3://no-such-bucket/"), 3),
        (("doctor", "local://./absent/"), 3),
        (("doctor", "s3://bucket/", "--no-sign-request"), 4),
        (("doctor", "s3://bucket/", "--sample", "5%"), 2),
        (("doctor", "s3://bucket/", "--deep", "--sample", "0"), 2),
        (("doctor", "s3://bucket/", "--deep", "--seed", "1"), 2),
        (("config",), 2),
        (("config", "get", "bucket"), 2),
        (("config", "get", "s3://bucket/a//b"), 2),
        (("config", "get", "s3://no-such-bucket/"), 3),
        (("config", "get", "local://./absent/"), 3),
        (("config", "set", "s3://bucket/"), 2),
        (("config", "set", "s3://bucket/", "immutable"), 2),
        (("config", "set", "s3://bucket/", "colour=red"), 2),
        (("config", "set", "s3://bucket/", "immutable=maybe"), 2),
        (("config", "set", "s3://bucket/", "lifecycle.keep_last=-1"), 2),
        (("config", "set", "s3://bucket/", "lifecycle.max_age=-5d"), 2),
        (("config", "set", "s3://bucket/", "lifecycle.keep_tags=a,,b"), 2),
        (("config", "set", "s3://bucket/app:v1", "immutable=true"), 2),
        (("config", "set", "s3://no-such-bucket/", "immutable=true"), 3),
        (("pull",), 2),
        (("copy",), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
@pytest.mark.usefixtures("layout")
def test_each_kind_of_bad_input_has_its_exit_status(
    s3lo: S3lo, bucket: str, arguments: tuple[str, ...], status: int
) -> None:
    given = [argument.replace("s3://bucket/", f"s3://{bucket}/") for argument in arguments]
    ran = s3lo(*given)
    assert ran.status == status, ran.stderr
    assert ran.stdout == ""
    assert ran.stderr.startswith(("s3lo: ", "Usage: "))
    assert "Traceback" not in ran.stderr


def test_a_daemon_that_is_not_there_is_a_local_error(s3lo: S3lo, bucket: str, layout: str) -> None:
    absent = {**s3lo.environment, "DOCKER_HOST": f"unix://{s3lo.directory}/absent.sock"}
    without = S3lo(absent, s3lo.directory)
    assert without.json("push", layout, f"s3://{bucket}/app:v1")["digest"]
    for arguments in (
        ("push", "app:v1", f"s3://{bucket}/app:v2"),
        ("pull", f"s3://{bucket}/app:v1"),
    ):
        ran = without(*arguments)
        assert ran.status == 8
        assert "DOCKER_HOST" in ran.stderr


@pytest.mark.parametrize("kept", [0, 511, 5_000, 60_000])
def test_an_archive_cut_short_stores_nothing(
    s3lo: S3lo, bucket: str, tmp_path: Path, kept: int
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    whole = tmp_path / "whole.tar"
    write_docker_archive(sized_image(made, (50_000, 20_000)), whole, "app:v1")
    (tmp_path / "cut.tar").write_bytes(whole.read_bytes()[:kept])
    ran = s3lo("push", f"docker-archive:{tmp_path / 'cut.tar'}", f"s3://{bucket}/app:v1")
    assert ran.status == 5, ran.stderr
    assert s3lo("pull", f"s3://{bucket}/app:v1", "--to", "oci:out").status == 3
    piped = s3lo("push", "-", f"s3://{bucket}/app:v1", stdin=whole.read_bytes()[:kept])
    assert piped.status == 5, piped.stderr


def test_an_existing_destination_is_left_as_it_is(
    s3lo: S3lo, bucket: str, layout: str, tmp_path: Path
) -> None:
    reference = f"s3://{bucket}/app:v1"
    s3lo.json("push", layout, reference)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("years of work")
    (tmp_path / "image.tar").write_text("an archive")
    for to in ("oci:home", "docker-archive:image.tar", "oci:image.tar", layout):
        ran = s3lo("pull", reference, "--to", to)
        assert ran.status == 6, ran.stderr
    # Not even with --force: what is not a layout is somebody's.
    assert s3lo("pull", reference, "--to", "oci:home", "--force").status == 6
    assert (tmp_path / "home" / "thesis.txt").read_text() == "years of work"
    assert (tmp_path / "image.tar").read_text() == "an archive"
    for to in ("docker-archive:image.tar", layout):
        assert s3lo("pull", reference, "--to", to, "--force").status == 0
    left = [path.name for path in tmp_path.iterdir() if ".s3lo-" in path.name]
    assert left == []
