"""copy on the command line: one image, all tags, or a list."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from s3lo.engine.options import EngineOptions
from s3lo.operations.copy import CopyOptions
from s3lo.operations.results import FailedCopy
from tests.unit.cli.conftest import CommandLine, Library
from tests.unit.cli.results import COPIED, COPIES, DIGEST

COPY = ("copy", "alpine", "s3://bucket/alpine:v1")
FAILED = FailedCopy("a", "s3://bucket/a:v1", "not_found", "no a", 3)


def test_a_copy_as_text(s3lo_command: CommandLine, library: Library) -> None:
    library.answer = COPIED
    assert s3lo_command(*COPY).stdout == (
        "Copied docker.io/library/alpine:latest to s3://bucket/alpine:v1\n"
        f"  {DIGEST} (linux/amd64, linux/arm64)\n"
        "  7 blobs copied, 2 already there, 1 tag of what refers to it;"
        " 3.0 MB through this machine\n"
        "  1.50 s\n"
    )


def test_many_copies_as_text_end_with_what_failed(
    s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = replace(COPIES, failed=(FAILED,))
    outcome = s3lo_command("copy", "alpine", "s3://bucket/alpine", "--all-tags")
    assert outcome.stdout == (
        f"s3://bucket/alpine:v1 {DIGEST}\n"
        "s3://bucket/a:v1 failed: no a\n"
        "1 image copied, 1 failed, 3.0 MB in 2.50 s\n"
    )
    assert outcome.status == 3


@pytest.mark.parametrize(("codes", "status"), [([], 0), ([3, 3], 3), ([3, 7], 1)])
def test_the_exit_status_of_many_is_that_of_all_failures_or_1(
    codes: list[int], status: int, s3lo_command: CommandLine, library: Library
) -> None:
    failed = tuple(replace(FAILED, exit_code=code) for code in codes)
    library.answer = replace(COPIES, failed=failed)
    assert s3lo_command("copy", "a", "s3://b/a", "--all-tags").status == status


def test_options_reach_the_library(s3lo_command: CommandLine, library: Library) -> None:
    library.answer = COPIED
    given = (
        "--platform=linux/amd64",
        "--platform=linux/arm64",
        "--no-referrers",
        "--force",
        "--creds=me:secret",
        "--insecure",
        "--part-size=8MiB",
        "--storage-class=STANDARD",
    )
    s3lo_command(*COPY, *given)
    source, reference, options = library.arguments
    assert (source, reference) == COPY[1:]
    assert isinstance(options, CopyOptions)
    assert options.platforms == ("linux/amd64", "linux/arm64")
    assert (options.referrers, options.force, options.insecure) == (False, True, True)
    assert options.creds == "me:secret"
    assert options.storage.storage_class == "STANDARD"
    assert options.engine == EngineOptions(part_size_bytes=8 << 20)


def test_a_list_is_read_from_a_file(
    s3lo_command: CommandLine, library: Library, tmp_path: Path
) -> None:
    library.answer = COPIES
    path = tmp_path / "list"
    path.write_text("# what\n\nalpine:3 s3://b/alpine:3  # why\n oci:x   s3://b/x:1\n")
    assert s3lo_command("copy", "--from-file", str(path)).status == 0
    assert library.arguments[0] == [("alpine:3", "s3://b/alpine:3"), ("oci:x", "s3://b/x:1")]
    path.write_text("alpine:3 s3://b/alpine:3\nalpine:4\n")
    outcome = s3lo_command("copy", "--from-file", str(path))
    assert outcome.status == 2
    assert "line 2" in outcome.stderr


@pytest.mark.parametrize(
    "arguments", [(), ("a",), ("a", "b", "--from-file=-"), ("--from-file=-", "--all-tags")]
)
def test_what_is_to_be_copied_is_said_in_one_way(
    arguments: tuple[str, ...], s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = COPIED
    assert s3lo_command("copy", *arguments).status == 2
    assert library.arguments == ()
