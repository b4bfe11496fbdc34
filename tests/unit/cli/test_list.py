"""list: a line a tag, as it comes; one document; exit status 1 where a manifest was unreadable."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml
from msgspec.structs import replace

from s3lo.errors import ServiceError
from s3lo.operations.results import ListedTag
from tests.unit.cli.conftest import CommandLine, Library
from tests.unit.cli.results import DIGEST

TAG = ListedTag("team/app", "v1", "", "", (), "2026-01-02T03:04:05Z")
READ = replace(TAG, digest=DIGEST, media_type="application/x", platforms=("linux/amd64", "a/b"))
BROKEN = replace(TAG, image="app", tag="v0", problem="not a valid manifest")
LIST = ("list", "s3://bucket/")


def test_in_a_pipe_tabs_are_between_the_columns(
    s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = iter([TAG])
    assert s3lo_command(*LIST).stdout == "team/app:v1\t2026-01-02T03:04:05Z\n"
    library.answer = iter([READ])
    assert s3lo_command(*LIST, "--digests").stdout == (
        f"team/app:v1\t{DIGEST}\tlinux/amd64,a/b\tapplication/x\t2026-01-02T03:04:05Z\n"
    )


def test_a_terminal_gets_a_header_and_ages(
    s3lo_command: CommandLine, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3lo.cli.list.is_terminal", lambda: True)
    library.answer = iter([replace(TAG, last_modified="2020-01-01T00:00:00Z")])
    header, line = s3lo_command(*LIST).stdout.splitlines()
    assert header.split() == ["IMAGE:TAG", "AGE"]
    assert line.split()[0] == "team/app:v1"
    assert line.endswith(" days")


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_a_document_is_sorted_and_has_the_digests(
    output: str, s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = iter([READ, replace(READ, tag="v0"), replace(READ, image="a")])
    outcome = s3lo_command(*LIST, "-o", output)
    document = yaml.safe_load(outcome.stdout)
    assert [(tag["image"], tag["tag"]) for tag in document] == [
        ("a", "v1"),
        ("team/app", "v0"),
        ("team/app", "v1"),
    ]
    assert document[2] == json.loads(json.dumps(READ.to_json()))
    assert library.options is not None
    assert library.options["digests"]


@pytest.mark.parametrize("arguments", [("--digests",), ("-o", "json")])
def test_an_unreadable_manifest_ends_in_status_1_with_everything_listed(
    arguments: tuple[str, ...], s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = iter([BROKEN, READ])
    outcome = s3lo_command(*LIST, *arguments)
    assert outcome.status == 1
    assert "v0" in outcome.stdout
    assert "v1" in outcome.stdout


def test_lines_are_written_as_they_come(
    s3lo_command: CommandLine, library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    def tags() -> Iterator[ListedTag]:
        yield TAG
        assert capsys.readouterr().out == "team/app:v1\t2026-01-02T03:04:05Z\n"

    library.answer = tags()
    assert s3lo_command(*LIST).status == 0


def test_what_was_listed_before_a_failure_is_shown(
    s3lo_command: CommandLine, library: Library
) -> None:
    """Lines that come close together are written together, and none is held back for ever."""

    def tags() -> Iterator[ListedTag]:
        yield from [TAG] * 100
        raise ServiceError("the service answered 500")

    library.answer = tags()
    outcome = s3lo_command(*LIST)
    assert outcome.stdout == "team/app:v1\t2026-01-02T03:04:05Z\n" * 100
    assert outcome.status == 7
