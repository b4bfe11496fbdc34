"""What inspect, stats, delete, clean and config write for a person, and the bytes of ``--raw``."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.unit.cli.conftest import CommandLine, Library
from tests.unit.cli.results import CLEANED, CONFIGURED, COUNTED, DELETED, DIGEST, INSPECTED


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


def test_a_cleaning_in_a_pipe(s3lo_command: CommandLine, library: Library) -> None:
    library.answer = CLEANED
    assert s3lo_command("clean", "s3://bucket/").stdout == (
        "dev/app:v1\tmax_age=7d\timages.dev/*\n"
        f"app:sha256-0.sig\treferrer={DIGEST}\t\n"
        "tags\t2\nblobs\t1\nchunks\t0\nuploads\t3\nbytes\t1500000\n"
    )
    assert library.options is not None
    assert library.options["grace_seconds"] == 3600.0
    assert not library.options["confirm"]


def test_a_cleaning_for_a_person(
    s3lo_command: CommandLine, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("render", "clean"):
        monkeypatch.setattr(f"s3lo.cli.{module}.is_terminal", lambda: True)
    library.answer = replace(CLEANED, tags=CLEANED.tags[:1])
    assert s3lo_command("clean", "s3://bucket/").stdout == (
        "IMAGE:TAG   RULE        FROM\n"
        "dev/app:v1  max_age=7d  images.dev/*\n"
        "Would delete 2 tags, 1 blob (1.5 MB) and 3 unfinished uploads\n"
        "Nothing was deleted yet: --confirm does it.\n"
    )
    library.answer = replace(CLEANED, tags=(), dry_run=False, chunks_deleted=2, errors=("x: no",))
    outcome = s3lo_command("clean", "s3://bucket/", "--confirm")
    assert outcome.stdout == (
        "Deleted 2 tags, 1 blob, 2 chunks (1.5 MB) and 3 unfinished uploads\n"
    )
    assert outcome.status == 1


def test_what_is_cleaned_is_chosen(
    s3lo_command: CommandLine, library: Library, tmp_path: Path
) -> None:
    library.answer = CLEANED
    rules = tmp_path / "rules.yaml"
    rules.touch()
    chosen = ("--tags", "--blobs", "--uploads", "--grace", "1h30m", "--config", str(rules))
    document = s3lo_command("clean", "s3://b/", "--confirm", *chosen, "-o", "json").document
    assert (document["tags_pruned"], document["blobs_deleted"]) == (2, 1)
    assert (document["bytes_freed"], document["dry_run"]) == (1_500_000, True)
    options = library.options or {}
    assert [options[name] for name in ("confirm", "tags", "blobs", "uploads")] == [True] * 4
    assert (options["grace_seconds"], options["rules"]) == (5400.0, rules)
    s3lo_command("clean", "s3://b/", S3LO_GRACE="0s")
    assert (library.options or {})["grace_seconds"] == 0.0


@pytest.mark.parametrize("grace", ["-1h", "soon", "", "1", "-0s"])
def test_a_grace_period_that_is_none_is_refused(
    s3lo_command: CommandLine, library: Library, grace: str
) -> None:
    library.answer = CLEANED
    assert s3lo_command("clean", "s3://bucket/", "--grace", grace).status == 2


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


def test_a_terminal_gets_rules_in_columns(
    s3lo_command: CommandLine, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3lo.cli.render.is_terminal", lambda: True)
    library.answer = CONFIGURED
    assert s3lo_command("config", "get", "s3://bucket/app").stdout == (
        "RULE                     FROM\n"
        "immutable=true           images.app\n"
        "lifecycle.keep_last=     built-in\n"
        "lifecycle.keep_tags=a,b  default\n"
    )
