"""Output: results on stdout, errors as a paragraph and a document, exit statuses."""

from __future__ import annotations

import io
import json
import os
from typing import Any

import pytest
import yaml
from msgspec import structs

from s3lo import errors
from s3lo.cli.render import binary_size, count, size
from s3lo.operations.results import Result
from tests.unit.cli.conftest import CommandLine, Library
from tests.unit.cli.results import (
    CLEANED,
    CONFIGURED,
    COUNTED,
    DELETED,
    DIGEST,
    INSPECTED,
    PULLED,
    PUSHED,
    TUNED,
)

PUSH = ("push", "app:v1", "s3://bucket/app:v1")
PULL = ("pull", "s3://bucket/app:v1")
VERB_NAMES = [
    "push",
    "pull",
    "list",
    "inspect",
    "stats",
    "delete",
    "clean",
    "config",
    "doctor",
    "tune",
    "completion",
]
VERBS: list[tuple[tuple[str, ...], Result]] = [
    (PUSH, PUSHED),
    (PULL, PULLED),
    (("inspect", "s3://bucket/app:v1"), INSPECTED),
    (("delete", "s3://bucket/app:v1"), DELETED),
    (("clean", "s3://bucket/"), CLEANED),
    (("stats", "s3://bucket/"), COUNTED),
    (("config", "get", "s3://bucket/"), CONFIGURED),
    (("config", "set", "s3://bucket/", "immutable=true"), CONFIGURED),
    (("tune",), TUNED),
]


@pytest.mark.parametrize(("arguments", "result"), VERBS)
def test_json_is_exactly_one_document_with_every_field(
    arguments: tuple[str, ...], result: Any, s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = result
    outcome = s3lo_command(*arguments, "-o", "json")
    assert outcome.status == 0
    assert outcome.document == json.loads(json.dumps(result.to_json()))


@pytest.mark.parametrize(("arguments", "result"), VERBS)
def test_yaml_says_the_same_as_json(
    arguments: tuple[str, ...], result: Any, s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = result
    outcome = s3lo_command(*arguments, "-o", "yaml")
    assert yaml.safe_load(outcome.stdout) == json.loads(json.dumps(result.to_json()))


def test_a_push_as_text(s3lo_command: CommandLine, library: Library) -> None:
    library.answer = PUSHED
    assert s3lo_command(*PUSH).stdout == (
        "Pushed s3://bucket/app:v1\n"
        f"  {DIGEST} (linux/amd64)\n"
        "  2 blobs, 3.0 MB: 1 uploaded (3.0 MB), 1 already there\n"
        "  1.50 s, 2 worker processes\n"
    )


def test_a_pull_as_text(s3lo_command: CommandLine, library: Library) -> None:
    library.answer = PULLED
    assert s3lo_command(*PULL).stdout == (
        "Pulled s3://bucket/app:v1 to docker\n"
        f"  {DIGEST} (linux/amd64)\n"
        "  1 blob, 3.0 MB: 1 transferred (3.0 MB, 0.05 Gbit/s), 0 already there\n"
        "  1.25 s (resolve 0.25, transfer 0.50, load 0.50), 2 worker processes\n"
    )


def test_tune_as_text_ends_with_its_reasons(s3lo_command: CommandLine, library: Library) -> None:
    library.answer = TUNED
    lines = s3lo_command("tune").stdout.splitlines()
    assert lines[0] == "target            10 Gbit/s (nic)"
    assert lines[5] == "part size         8 MiB"
    assert lines[-1] == "- eth0 is the interface of the default route"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.S3loError("m"), 1),
        (errors.UsageError("m"), 2),
        (errors.NotFoundError("m"), 3),
        (errors.AccessDeniedError("m"), 4),
        (errors.DigestMismatch("m"), 5),
        (errors.ImmutableTag("m"), 6),
        (errors.ThrottledError("m"), 7),
        (errors.DiskFull("m"), 8),
        (errors.Interrupted.by_signal(2), 130),
        (errors.Interrupted.by_signal(15), 143),
        (KeyboardInterrupt(), 130),
        (PermissionError(13, "m", "path"), 8),
        (RuntimeError("m"), 1),
    ],
)
def test_each_kind_of_error_has_its_exit_status(
    error: BaseException, status: int, s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = error
    outcome = s3lo_command(*PULL)
    assert outcome.status == status
    assert outcome.stdout == ""
    assert outcome.stderr.count("\n") == 1


def test_an_error_says_what_was_done_to_what_what_went_wrong_and_what_to_do(
    s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = error = errors.NotFoundError("no such\n  tag", hint="Look with list.")
    error.doing, error.reference = "pulling", "s3://bucket/app:v1"
    assert s3lo_command(*PULL).stderr == (
        "s3lo: while pulling s3://bucket/app:v1: no such tag. Look with list.\n"
    )


def test_an_error_is_also_a_document_where_one_was_asked_for(
    s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = errors.NotFoundError("no such tag", hint="Look.", reference="s3://bucket/a:1")
    outcome = s3lo_command(*PULL, "-o", "json")
    assert outcome.status == 3
    assert outcome.stderr == "s3lo: s3://bucket/a:1: no such tag. Look.\n"
    assert outcome.document == {
        "error": {
            "code": "not_found",
            "message": "no such tag",
            "reference": "s3://bucket/a:1",
            "hint": "Look.",
        }
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("pull",),
        ("nonsense",),
        ("pull", "x", "--nonsense"),
        ("pull", "x", "--part-size", "lots"),
        ("pull", "x", "--processes", "-1"),
        ("push", "x", "y", "--compression", "rar"),
        ("completion", "csh"),
    ],
)
def test_a_usage_error_is_a_document_too(
    arguments: tuple[str, ...], s3lo_command: CommandLine
) -> None:
    outcome = s3lo_command(*arguments, "-o", "json")
    assert outcome.status == 2
    assert outcome.document["error"]["code"] == "usage"
    assert "--help" in outcome.stderr


def test_a_bug_says_that_it_is_one_and_how_to_learn_more(
    s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = RuntimeError("surprise")
    outcome = s3lo_command(*PULL)
    assert "bug in s3lo: RuntimeError: surprise" in outcome.stderr
    assert "-vv" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_an_error_of_the_system_is_no_bug(s3lo_command: CommandLine, library: Library) -> None:
    library.answer = PermissionError(13, "Permission denied", "/some/path")
    stderr = s3lo_command(*PULL).stderr
    assert stderr.startswith("s3lo: Permission denied while using /some/path.")


@pytest.mark.parametrize("output", ["text", "json", "yaml"])
def test_a_path_that_is_not_utf_8_is_shown_with_escapes(
    output: str, s3lo_command: CommandLine, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.answer = structs.replace(PULLED, destination=os.fsdecode(b"oci:/out-\xff"))
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    monkeypatch.setattr("sys.stdout", stdout)
    assert s3lo_command(*PULL, "-o", output).status == 0
    stdout.seek(0)
    assert "/out-\\udcff" in stdout.read().lower()


def test_two_v_show_the_traceback(s3lo_command: CommandLine, library: Library) -> None:
    library.answer = RuntimeError("surprise")
    assert "Traceback" not in s3lo_command(*PULL, "-v").stderr
    assert "Traceback" in s3lo_command(*PULL, "-vv").stderr


def test_no_arguments_show_the_help_and_fail_as_usage(s3lo_command: CommandLine) -> None:
    outcome = s3lo_command()
    assert outcome.status == 2
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("Usage: s3lo")


def test_the_help_lists_the_verbs_there_are(s3lo_command: CommandLine) -> None:
    lines = s3lo_command("--help").stdout.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")][
        : len(VERB_NAMES)
    ] == VERB_NAMES


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str, s3lo_command: CommandLine) -> None:
    outcome = s3lo_command("completion", shell)
    assert outcome.status == 0
    assert f"_S3LO_COMPLETE={shell}_complete" in outcome.stdout


def test_a_full_disk_under_stdout_is_told(
    s3lo_command: CommandLine, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.answer = PULLED
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stdout", full)
        outcome = s3lo_command(*PULL)
        # What Python could not write it tries again when it closes the file.
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())
    assert outcome.status == 8
    assert "no space left while writing the result" in outcome.stderr


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (999_950, "1.0 MB"), (5e6, "5.0 MB"),
     (1.5e9, "1.5 GB"), (3e15, "3000.0 TB")],
)  # fmt: skip
def test_sizes_are_shown_in_decimal_units(number: float, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(1023, "1023 B"), (8 << 20, "8 MiB"), (3 << 29, "1.5 GiB"), (1 << 50, "1024 TiB")],
)
def test_memory_is_shown_in_binary_units(number: int, text: str) -> None:
    assert binary_size(number) == text


def test_nouns_are_counted() -> None:
    assert [count(1, "blob"), count(0, "blob"), count(2, "process")] == [
        "1 blob",
        "0 blobs",
        "2 processes",
    ]
