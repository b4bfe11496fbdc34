"""Rules: which pattern wins, field by field, and how a malformed file is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.bucket.keys import RULES_KEY
from s3lo.bucket.local import LocalStore
from s3lo.bucket.rules import (
    Lifecycle,
    Rulebook,
    Rules,
    load_rules,
    parse_duration,
    parse_rules,
)
from s3lo.errors import InvalidDocument
from s3lo.model.reference import Location

DAY = 86400.0
FROM_THE_FORMAT = b"""
default:
  immutable: false
  lifecycle: {keep_last: 10, max_age: 90d, keep_tags: [latest]}
images:
  myapp:
    immutable: true
    lifecycle: {keep_last: 5, keep_tags: [stable, latest]}
  "dev/*":
    lifecycle: {max_age: 7d, keep_last: 3}
"""


def test_the_sample_of_the_format_means_what_it_says() -> None:
    book = parse_rules(FROM_THE_FORMAT)
    assert book.effective("other") == Rules(False, Lifecycle(10, 90 * DAY, ("latest",)))
    assert book.effective("myapp") == Rules(True, Lifecycle(5, 90 * DAY, ("stable", "latest")))
    assert book.effective("dev/x") == Rules(False, Lifecycle(3, 7 * DAY, ("latest",)))
    assert book.effective("dev/x/y") == book.default
    assert book.effective("dev") == book.default


@pytest.mark.parametrize(
    ("image", "keep_last"),
    [
        ("app", 1),
        ("apple", 3),
        ("applepie", 4),
        ("banana", 2),
        ("org/app", 6),
        ("org/x/app", 7),
        ("org/team/app", 8),
        ("org/team/x", 8),
        ("a.b", 2),
        ("axb", 2),
    ],
)
def test_the_most_specific_pattern_wins(image: str, keep_last: int) -> None:
    patterns = ["app", "*", "app*", "apple*ie", "a.*.b", "org/*", "org/*/app", "org/team/*"]
    lines = (f'  "{p}": {{lifecycle: {{keep_last: {n}}}}}' for n, p in enumerate(patterns, 1))
    book = parse_rules(("images:\n" + "\n".join(lines)).encode())
    assert book.effective(image).lifecycle.keep_last == keep_last


@given(st.text(st.sampled_from("ab/.*"), max_size=6), st.text(st.sampled_from("ab/."), max_size=6))
def test_a_star_never_crosses_a_slash(pattern: str, image: str) -> None:
    book = Rulebook(images={pattern: Rules(immutable=True)})
    if book.effective(image).immutable:
        assert pattern.count("/") == image.count("/")


def test_an_empty_pattern_sets_nothing() -> None:
    book = parse_rules(b"default: {immutable: true}\nimages:\n  app:\n")
    assert book.effective("app").immutable is True


def test_unknown_keys_are_passed_over() -> None:
    book = parse_rules(b"future: [1]\ndefault: {chunked: true, chunk_format: 2, immutable: true}\n")
    assert book.effective("app") == Rules(immutable=True)


@pytest.mark.parametrize("raw", [b"", b"# nothing\n", b"default:\nimages:\n", b"{}"])
def test_an_empty_file_has_no_rules(raw: bytes) -> None:
    assert parse_rules(raw).effective("app") == Rules()


def test_zero_sets_no_bound() -> None:
    """The Go tool leaves fields at zero when they are not set: keep_last 0 must not prune all."""
    book = parse_rules(b'default: {lifecycle: {keep_last: 0, max_age: "0"}}')
    assert book.effective("app").lifecycle == Lifecycle()


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b"[]", "s3lo.yaml must be"),
        (b"just text", "s3lo.yaml must be"),
        (b"default: 7", "default"),
        (b"images: [app]", "images"),
        (b"images: {app: 7}", "images.app"),
        (b"images: {1.10: {}}", "images"),
        (b'default: {immutable: "yes please"}', "default.immutable"),
        (b"default: {lifecycle: 7}", "default.lifecycle"),
        (b"images: {app: {lifecycle: {keep_last: -1}}}", "images.app.lifecycle.keep_last"),
        (b"default: {lifecycle: {keep_last: true}}", "default.lifecycle.keep_last"),
        (b'default: {lifecycle: {keep_last: "5"}}', "default.lifecycle.keep_last"),
        (b"default: {lifecycle: {max_age: soon}}", "default.lifecycle.max_age"),
        (b"default: {lifecycle: {max_age: 90}}", "default.lifecycle.max_age"),
        (b"default: {lifecycle: {max_age: -7d}}", "default.lifecycle.max_age"),
        (b"default: {lifecycle: {max_age: [7d]}}", "default.lifecycle.max_age"),
        (b"default: {lifecycle: {keep_tags: latest}}", "default.lifecycle.keep_tags"),
        (b"default: {lifecycle: {keep_tags: [1.0]}}", "default.lifecycle.keep_tags"),
        (b"default: {", "not valid YAML"),
        (b"\xff\xfe\xff", "not valid YAML"),
        (b"default: 2024-99-99", "not valid YAML"),
        (b"default: !!python/object/apply:os.system [id]", "not valid YAML"),
        (b"[" * 10_000, "not valid YAML"),
    ],
)
def test_a_malformed_file_names_the_key(raw: bytes, key: str) -> None:
    with pytest.raises(InvalidDocument) as raised:
        parse_rules(raw)
    assert key in raised.value.message
    assert RULES_KEY in raised.value.message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90d", 90 * DAY),
        ("0d", 0),
        ("168h", 168 * 3600),
        ("1h30m", 5400),
        ("1.5h", 5400),
        (".5m", 30),
        ("100ms", 0.1),
        ("2h45m30.5s", 9930.5),
        ("0", 0),
    ],
)
def test_a_duration_is_days_or_gos(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "d", "h", "90", "1.5d", "7d12h", "1h 30m", "-1h", "1w", "٣d1"]
)
def test_other_texts_are_no_duration(text: str) -> None:
    assert parse_duration(text) is None


def test_a_store_without_the_file_has_no_rules(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "missing"):
        store = LocalStore(Location("local", str(root)))
        assert load_rules(store).effective("app") == Rules()


def test_a_store_with_the_file_has_them(tmp_path: Path) -> None:
    store = LocalStore(Location("local", str(tmp_path)))
    store.put(RULES_KEY, FROM_THE_FORMAT)
    assert load_rules(store).effective("myapp").immutable is True
