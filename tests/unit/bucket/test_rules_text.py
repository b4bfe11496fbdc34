"""Changing s3lo.yaml: what was asked for changes, and every other sign stays."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import yaml

from s3lo.bucket.rules_text import Path, Value, changed
from s3lo.errors import InvalidDocument

DEFAULT: Path = ("default",)
FILE = """\
# Rules of the team.
default:
  immutable: false   # people retag
  lifecycle: {keep_last: 10, max_age: 90d, keep_tags: [latest]}
  # for a later version
  chunked: true
images:
  myapp:
    immutable: true
    # the last five
    lifecycle:
      keep_last: 5  # or six
      keep_tags:
      - "stable"
      - latest
  "dev/*":
    lifecycle: {max_age: 7d, keep_last: 3}
unknown: [1, 2]
"""


@pytest.mark.parametrize(
    ("section", "settings", "old", "new"),
    [
        (DEFAULT, {("immutable",): True}, "immutable: false ", "immutable: true "),
        (DEFAULT, {("lifecycle", "keep_last"): 3}, "{keep_last: 10,", "{keep_last: 3,"),
        (DEFAULT, {("lifecycle", "keep_last"): None}, "{keep_last: 10, ", "{"),
        (DEFAULT, {("lifecycle", "keep_tags"): None}, ", keep_tags: [latest]}", "}"),
        (
            DEFAULT,
            {("lifecycle", "keep_tags"): ["1.0", "v1", "on"]},
            "[latest]}",
            '["1.0", v1, "on"]}',
        ),
        (DEFAULT, {("immutable",): None}, "  immutable: false   # people retag\n", ""),
        (
            ("images", "myapp"),
            {("lifecycle", "keep_tags"): ["x"]},
            'keep_tags:\n      - "stable"\n      - latest',
            "keep_tags: [x]",
        ),
        (
            ("images", "myapp"),
            {("lifecycle", "max_age"): "30d"},
            "      - latest\n",
            "      - latest\n      max_age: 30d\n",
        ),
        (("images", "myapp"), {("lifecycle", "keep_last"): 6}, "keep_last: 5 ", "keep_last: 6 "),
        (
            ("images", "dev/*"),
            {("lifecycle", "max_age"): None, ("lifecycle", "keep_last"): None},
            '  "dev/*":\n    lifecycle: {max_age: 7d, keep_last: 3}\n',
            "",
        ),
        (
            ("images", "*/x"),
            {("immutable",): True},
            "unknown:",
            '  "*/x":\n    immutable: true\nunknown:',
        ),
        (("images", "absent"), {("immutable",): None}, "", ""),
    ],
)
def test_only_what_was_asked_for_changes(
    section: Path, settings: Mapping[Path, Value | None], old: str, new: str
) -> None:
    assert FILE.count(old) == 1 or not old
    assert changed(FILE, section, settings) == FILE.replace(old, new)


@pytest.mark.parametrize(
    "text",
    ["", "# a\n---\n# b\n", "# nothing yet\n", "# no newline", "---\n", "null", "{}", "default:\n", "default: {}\n",
     "default: ~\n", "default:\n  lifecycle:\n", "images:\n", "images: {}", "other: 1",
     "images:\n    app:\n        lifecycle:\n            keep_last: 1", "{default: {x: 1,}}"],
)  # fmt: skip
@pytest.mark.parametrize("section", [DEFAULT, ("images", "app"), ("images", "123")])
def test_settings_are_put_into_whatever_there_is_and_taken_away_again(
    text: str, section: Path
) -> None:
    settings: dict[Path, Value | None] = {
        ("immutable",): True,
        ("lifecycle", "keep_last"): 7,
        ("lifecycle", "keep_tags"): ["a", "null"],
    }
    one = changed(text, section, settings)
    found = yaml.safe_load(one)
    for name in section:
        found = found[name]
    assert found["lifecycle"]["keep_tags"] == ["a", "null"]
    assert [line for line in text.splitlines() if "#" in line] == [
        line for line in one.splitlines() if "#" in line
    ]
    other = changed(one, section, dict.fromkeys(settings))
    assert "123" not in ((yaml.safe_load(other) or {}).get("images") or {})


def test_anchors_and_what_is_no_mapping_are_left_alone() -> None:
    shared = "default: &d\n  lifecycle: {keep_last: 1}\nimages:\n  app: *d\n"
    with pytest.raises(InvalidDocument, match="does not change"):
        changed(shared, ("images", "app"), {("lifecycle", "keep_last"): 2})
    for text in ("default: 5", "- a", "images: [x]", "default: [", "a: 1\n---\nb: 2"):
        with pytest.raises(InvalidDocument):
            changed(text, ("images", "app"), {("immutable",): True})
            changed(text, DEFAULT, {("immutable",): True})
