"""doctor: checks in a table, findings below them or a line each, exit status 1 where one has failed."""

from __future__ import annotations

import json

import pytest
import yaml

from s3lo.operations.examining.diagnosis import Check, DoctorResult, Finding
from tests.unit.cli.conftest import CommandLine, Library
from tests.unit.cli.results import DIGEST, ENGINE

WELL = Check("rules", "ok", "0 sections beside the defaults")
DAMAGED = Check(
    "content",
    "failed",
    "2 blobs read, 1 damaged",
    (
        Finding(DIGEST, "is spoilt", "s3lo push --force SOURCE s3://b/app:v1", ("app:v1",), 3),
        Finding("README", "no key of a store"),
    ),
    {"blobs": 2},
)
RESULT = DoctorResult("s3://b/", False, (WELL, DAMAGED), 7, ENGINE)
DOCTOR = ("doctor", "s3://b/")


def test_in_a_pipe_every_line_has_tabs(s3lo_command: CommandLine, library: Library) -> None:
    library.answer = RESULT
    outcome = s3lo_command(*DOCTOR)
    assert outcome.status == 1
    assert [line.split("\t") for line in outcome.stdout.splitlines()] == [
        ["rules", "ok", "0 sections beside the defaults"],
        ["content", "failed", "2 blobs read, 1 damaged"],
        [
            "content",
            "finding",
            DIGEST,
            "is spoilt",
            "app:v1 and 2 more",
            "s3lo push --force SOURCE s3://b/app:v1",
        ],
        ["content", "finding", "README", "no key of a store", "", ""],
    ]


def test_a_terminal_gets_a_table_and_what_to_do(
    s3lo_command: CommandLine, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3lo.cli.render.is_terminal", lambda: True)
    monkeypatch.setattr("s3lo.cli.doctor.is_terminal", lambda: True)
    library.answer = RESULT
    assert s3lo_command(*DOCTOR).stdout == (
        "CHECK    STATUS  DETAIL\n"
        "rules    ok      0 sections beside the defaults\n"
        "content  failed  2 blobs read, 1 damaged\n"
        f"content: {DIGEST}: is spoilt\n"
        "    needed by app:v1 and 2 more\n"
        "    s3lo push --force SOURCE s3://b/app:v1\n"
        "content: README: no key of a store\n"
    )


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_the_document_has_every_field(
    output: str, s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = RESULT
    outcome = s3lo_command(*DOCTOR, "-o", output)
    assert outcome.status == 1
    document = yaml.safe_load(outcome.stdout)
    assert document == json.loads(json.dumps(RESULT.to_json()))
    assert {"name", "status", "detail"} <= set(document["checks"][0])
    library.answer = DoctorResult("s3://b/", True, (WELL,))
    assert s3lo_command(*DOCTOR, "-o", output).status == 0


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.5", 0.005), ("100 %", 1.0)])
def test_a_sample_is_a_percentage(
    text: str, share: float, s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = RESULT
    s3lo_command(*DOCTOR, "--deep", "--sample", text, "--seed", "7")
    assert library.options is not None
    assert library.options["sample"] == pytest.approx(share)
    assert (library.options["deep"], library.options["seed"]) == (True, 7)


@pytest.mark.parametrize("text", ["0", "0%", "101%", "half", "-5%", ""])
def test_what_is_no_percentage_is_a_usage_error(
    text: str, s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = RESULT
    assert s3lo_command(*DOCTOR, "--deep", "--sample", text).status == 2
