"""What inspect, stats, delete and config write for a person, and the bytes of ``--raw``."""

from __future__ import annotations

import io

import pytest
from msgspec.structs import replace

from tests.unit.cli.conftest import CommandLine, Library
from tests.unit.cli.results import CONFIGURED, COUNTED, DELETED, DIGEST, INSPECTED


def test_an_image_as_text(s3lo_command: CommandLine, library: Library) -> None:
    library.answer = INSPECTED
    assert s3lo_command("inspect", "s3://bucket/app:v1").stdout == (
        "s3://bucket/app:v1\n"
        f"  {DIGEST}\n"
        "  application/x\n"
        "linux/arm64/v8: 3.0 MB in 1 layer, created 2026-01-02T03:04:05Z\n"
        f"  manifest {DIGEST}\n"
        f"  config   {DIGEST}\n"
        f"  layer    {DIGEST} 3.0 MB application/y\n"
        "  history  COPY a b\n"
        "  history  CMD x (no layer)\n"
        "1 attestation\n"
        "signed with key 0123456789abcdef (2026-01-02T03:04:05Z)\n"
    )


def test_a_deletion_as_text(s3lo_command: CommandLine, library: Library) -> None:
    library.answer = DELETED
    assert s3lo_command("delete", "s3://bucket/app:v1").stdout == (
        f"Deleted app:v1 ({DIGEST}), 2 objects\n"
        "Blobs stay until `s3lo clean` removes those that nothing refers to any more.\n"
    )
    library.answer = replace(DELETED, dry_run=True)
    assert s3lo_command("delete", "s3://bucket/app:v1", "--dry-run").stdout == (
        f"Would delete app:v1 ({DIGEST}), 2 objects\n"
        "  manifests/app/v1/manifest.json\n"
        "  manifests/app/v1/oci-layout\n"
    )


def test_rules_as_text(s3lo_command: CommandLine, library: Library) -> None:
    library.answer = CONFIGURED
    for verb in (("get", "s3://bucket/app"), ("set", "s3://bucket/app", "immutable=", "a=b=c")):
        assert s3lo_command("config", *verb).stdout == (
            "immutable=true\timages.app\n"
            "lifecycle.keep_last=\tbuilt-in\n"
            "lifecycle.keep_tags=a,b\tdefault\n"
        )
    assert library.arguments == ("s3://bucket/app", {"immutable": "", "a": "b=c"})


def test_counts_as_text(s3lo_command: CommandLine, library: Library) -> None:
    library.answer = COUNTED
    outcome = s3lo_command("stats", "s3://bucket/")
    assert outcome.stdout == (
        "images    2\n"
        "tags      9\n"
        "blobs     30\n"
        "stored    3.0 MB\n"
        "  INTELLIGENT_TIERING 2.9 MB\n"
        "  STANDARD 100.0 kB\n"
        "logical   9.0 MB, were each tag stored for itself\n"
        "saved     6.0 MB by sharing\n"
        "cost      about $1.23 a month: a list\n"
        f"{DIGEST} 1.0 MB in 7 tags of a, b, c, d, e and 2 more: saves 6.0 MB\n"
    )
    library.answer = replace(COUNTED, unreadable=("app:v1: broken",))
    assert s3lo_command("stats", "s3://bucket/").status == 1


@pytest.mark.parametrize("output", ["text", "json"])
def test_raw_is_written_byte_for_byte(
    output: str,
    s3lo_command: CommandLine,
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library.answer = b'{"a":\n "\xff"}'
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="utf-8"))
    assert s3lo_command("inspect", "s3://bucket/app:v1", "--raw", "-o", output).status == 0
    assert written.getvalue() == library.answer
