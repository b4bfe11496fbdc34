"""Options: what a command line and the environment make of the library's options."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.bucket.options import ConnectionOptions, StorageOptions
from s3lo.cli.options import output_wanted, size
from s3lo.engine.options import EngineOptions
from tests.unit.cli.conftest import CommandLine, Library
from tests.unit.cli.results import PULLED, PUSHED, TUNED

FACTORS = {
    "": 1,
    "b": 1,
    "k": 1 << 10,
    "m": 1 << 20,
    "g": 1 << 30,
    "t": 1 << 40,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
}


@given(
    st.integers(1, 4000),
    st.sampled_from(sorted(FACTORS)),
    st.booleans(),
    st.sampled_from(["", " "]),
)
def test_a_size_is_its_number_times_its_unit_in_any_case(
    number: int, unit: str, upper: bool, gap: str
) -> None:
    text = f"{number}{gap}{unit.upper() if upper else unit}"
    assert size(text) == number * FACTORS[unit]


@given(st.integers(1, 1 << 50))
def test_a_plain_number_is_exactly_that_many_bytes(number: int) -> None:
    assert size(str(number)) == number


def test_a_size_may_have_a_fraction() -> None:
    assert size("1.5GiB") == 3 << 29


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "8X", "MiB", "1e9", "8 Mi B", "nan", "0.1", "8M8", "9" * 400, "9" * 30, "٣"],
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a size"):
        size(text)


@given(st.text())
def test_no_text_is_taken_for_less_than_one_byte(text: str) -> None:
    with contextlib.suppress(click.BadParameter):
        assert size(text) >= 1


@pytest.mark.parametrize(
    ("arguments", "environment", "wanted"),
    [
        ([], {}, "text"),
        (["pull", "x", "-o", "json"], {}, "json"),
        (["pull", "-ojson"], {}, "json"),
        (["pull", "-qvo", "yaml"], {}, "yaml"),
        (["pull", "--output=json"], {}, "json"),
        (["pull", "--output", "json"], {}, "json"),
        (["pull"], {"S3LO_OUTPUT": "json"}, "json"),
        (["pull", "-o", "text"], {"S3LO_OUTPUT": "json"}, "text"),
        (["pull", "--", "-o", "json"], {}, "text"),
        (["pull", "-o"], {}, "text"),
        (["pull", "-o", "xml"], {}, "text"),
    ],
)
def test_the_output_format_is_known_before_the_command_line_is_understood(
    arguments: list[str], environment: dict[str, str], wanted: str
) -> None:
    assert output_wanted(arguments, environment) == wanted


def test_push_hands_every_option_to_the_library(
    s3lo_command: CommandLine, library: Library, tmp_path: Path
) -> None:
    library.answer = PUSHED
    outcome = s3lo_command(
        *("push", "app:v1", "s3://bucket/app:v1", "--force"),
        *("--platform", "linux/arm64", "--platform", "linux/amd64"),
        *("--compression", "gzip", "--compression-level", "7"),
        *("--endpoint", "http://e", "--region", "r", "--profile", "p"),
        *("--no-sign-request", "--ca-bundle", "c", "--tmpdir", str(tmp_path), "--insecure"),
        *("--request-payer", "requester", "--storage-class", "STANDARD_IA"),
        *("--sse", "aws:kms", "--sse-kms-key-id", "k"),
        *("--target-gbps", "2.5", "--processes", "0", "--part-size", "8MiB"),
        *("--max-in-flight", "7", "--memory-limit", "1g", "--backend", "s3transfer"),
    )
    assert outcome.status == 0, outcome.stderr
    assert library.arguments == ("app:v1", "s3://bucket/app:v1")
    assert library.options is not None
    library.options.pop("observer")
    assert library.options == {
        "platform": ("linux/arm64", "linux/amd64"),
        "compression": "gzip",
        "compression_level": 7,
        "force": True,
        "connection": ConnectionOptions("http://e", "r", "p", True, "c", "requester"),
        "storage": StorageOptions("STANDARD_IA", "aws:kms", "k"),
        "engine": EngineOptions(2.5, 0, 8 << 20, 7, 1 << 30, "sha256", "s3transfer"),
        "tmpdir": tmp_path,
    }


def test_pull_leaves_to_the_library_what_was_not_said(
    s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = PULLED
    assert s3lo_command("pull", "s3://bucket/app:v1").status == 0
    assert library.arguments == ("s3://bucket/app:v1", "")
    assert library.options is not None
    library.options.pop("observer")
    assert library.options == {
        "to": "docker",
        "platform": None,
        "force": False,
        "connection": ConnectionOptions(),
        "engine": EngineOptions(),
        "tmpdir": None,
    }


def test_pull_takes_a_name_a_destination_and_no_verification(
    s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = PULLED
    arguments = ("s3://bucket/app:v1", "mine:v2", "--to", "oci:dir", "--verify", "none")
    assert s3lo_command("pull", *arguments).status == 0
    assert library.arguments == ("s3://bucket/app:v1", "mine:v2")
    assert library.options is not None
    assert library.options["to"] == "oci:dir"
    assert library.options["engine"] == EngineOptions(verify="none")


def test_every_option_has_a_twin_in_the_environment(
    s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = TUNED
    twins = {
        "S3LO_TARGET_GBPS": "5",
        "S3LO_PROCESSES": "3",
        "S3LO_PART_SIZE": "16m",
        "S3LO_MAX_IN_FLIGHT": "9",
        "S3LO_MEMORY_LIMIT": "2GB",
        "S3LO_BACKEND": "native",
        "S3LO_INTERFACES": "eth1, eth2",
        "S3LO_OUTPUT": "json",
        "S3LO_QUIET": "1",
    }
    outcome = s3lo_command("tune", **twins)
    assert outcome.document["target_gbps"] == 10.0
    assert library.options is not None
    expected = EngineOptions(
        5.0, 3, 16 << 20, 9, 2 * 10**9, backend="native", interfaces=("eth1", "eth2")
    )
    assert library.options["engine"] == expected


def test_the_connection_has_twins_in_the_environment(
    s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = PULLED
    twins = {
        "S3LO_ENDPOINT_URL": "http://e",
        "S3LO_REGION": "r",
        "S3LO_PROFILE": "p",
        "S3LO_NO_SIGN_REQUEST": "true",
        "S3LO_CA_BUNDLE": "c",
        "S3LO_TMPDIR": "/t",
    }
    assert s3lo_command("pull", "s3://bucket/app:v1", **twins).status == 0
    assert library.options is not None
    assert library.options["connection"] == ConnectionOptions("http://e", "r", "p", True, "c")
    assert library.options["tmpdir"] == Path("/t")


def test_the_options_of_one_command_have_twins_too(
    s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = PULLED
    twins = {"S3LO_TO": "oci:out", "S3LO_PLATFORM": "linux/arm64", "S3LO_FORCE": "1"}
    assert s3lo_command("pull", "s3://bucket/app:v1", **twins).status == 0
    assert library.options is not None
    found = [library.options[name] for name in ("to", "platform", "force")]
    assert found == ["oci:out", "linux/arm64", True]
    library.answer = PUSHED
    platforms = "linux/arm64 linux/amd64"
    twins = {"S3LO_COMPRESSION": "gzip", "S3LO_PLATFORM": platforms, "S3LO_FORCE": "1"}
    assert s3lo_command("push", "app:v1", "s3://bucket/app:v1", **twins).status == 0
    found = [library.options[name] for name in ("compression", "platform", "force")]
    assert found == ["gzip", ("linux/arm64", "linux/amd64"), True]


def test_the_command_line_beats_the_environment(
    s3lo_command: CommandLine, library: Library
) -> None:
    library.answer = TUNED
    s3lo_command("tune", "--processes", "1", S3LO_PROCESSES="3")
    assert library.options is not None
    assert library.options["engine"].processes == 1
