"""config: rules by bucket, image and pattern; nothing else in the file is touched or lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

import s3lo
from s3lo.bucket.keys import RULES_KEY
from s3lo.bucket.rule_settings import Setting
from s3lo.errors import IntegrityError, RefusedError, UsageError
from s3lo.events import Event, Note
from tests.servers.answering import Answer, Answering, Seen, error
from tests.stores import Shelf

RULES = b"""\
# ours
default:
  lifecycle: {keep_last: 10, keep_tags: [latest]}
  chunked: true  # of another version
images:
  "dev/*":
    lifecycle: {max_age: 168h}
"""


def effective(shelf: Shelf, name: str = "") -> dict[str, Setting]:
    return s3lo.get_config(shelf.url + name).settings


def test_values_come_with_the_section_that_says_them(shelf: Shelf) -> None:
    assert {setting.source for setting in effective(shelf).values()} == {"built-in"}
    shelf.put(RULES_KEY, RULES)
    assert effective(shelf)["lifecycle.keep_last"] == Setting(10, "default")
    for name in ("dev/app", "dev/app:v1", "dev/*"):
        assert effective(shelf, name) == {
            "immutable": Setting(False, "built-in"),
            "lifecycle.keep_last": Setting(10, "default"),
            "lifecycle.max_age": Setting("7d", "images.dev/*"),
            "lifecycle.keep_tags": Setting(("latest",), "default"),
        }
    assert effective(shelf, "dev/a/b") == effective(shelf)
    assert s3lo.get_config(shelf.url).sections == ("default", "images.dev/*")


def test_a_bucket_an_image_and_a_pattern_are_changed_each_in_its_place(shelf: Shelf) -> None:
    s3lo.set_config(shelf.url, {"lifecycle.keep_last": "10"})
    s3lo.set_config(f"{shelf.url}org/app", {"immutable": "true", "lifecycle.keep_tags": "a, 1.0"})
    changed = s3lo.set_config(f"{shelf.url}dev/*", {"lifecycle.max_age": "168h"})
    assert changed.settings["lifecycle.max_age"] == Setting("7d", "images.dev/*")
    assert yaml.safe_load(shelf.store.get(RULES_KEY)) == {
        "default": {"lifecycle": {"keep_last": 10}},
        "images": {
            "org/app": {"immutable": True, "lifecycle": {"keep_tags": ["a", "1.0"]}},
            "dev/*": {"lifecycle": {"max_age": "168h"}},
        },
    }
    s3lo.set_config(f"{shelf.url}org/app", {"immutable": "", "lifecycle.keep_tags": ""})
    assert s3lo.get_config(shelf.url).sections == ("default", "images.dev/*")


def test_comments_and_unknown_keys_survive(shelf: Shelf) -> None:
    shelf.put(RULES_KEY, RULES)
    s3lo.set_config(shelf.url, {"lifecycle.keep_last": "5"})
    assert shelf.store.get(RULES_KEY) == RULES.replace(b"keep_last: 10", b"keep_last: 5")
    s3lo.set_config(shelf.url, {"lifecycle.keep_last": "10"})
    assert shelf.store.get(RULES_KEY) == RULES


def test_changes_at_one_moment_are_all_kept(shelf: Shelf) -> None:
    def change(number: int) -> None:
        s3lo.set_config(f"{shelf.url}app{number}", {"lifecycle.keep_last": f"{number + 1}"})

    with ThreadPoolExecutor(8) as writers:
        list(writers.map(change, range(12)))
    images = yaml.safe_load(shelf.store.get(RULES_KEY))["images"]
    assert images == {f"app{n}": {"lifecycle": {"keep_last": n + 1}} for n in range(12)}


def test_a_write_with_an_etag_is_refused_where_the_object_is_another(shelf: Shelf) -> None:
    shelf.put("s3lo.yaml", b"one")
    one = shelf.store.read("s3lo.yaml")
    shelf.store.put("s3lo.yaml", b"two", if_match=one.etag)
    with pytest.raises(RefusedError):
        shelf.store.put("s3lo.yaml", b"three", if_match=one.etag)
    assert shelf.store.read("s3lo.yaml").body == b"two"
    shelf.store.delete(["s3lo.yaml"])
    with pytest.raises(RefusedError):
        shelf.store.put("s3lo.yaml", b"three", if_match=one.etag)
    shelf.put("s3lo.yaml", b"")
    empty = shelf.store.read("s3lo.yaml")
    assert empty.body == b""
    shelf.store.put("s3lo.yaml", b"four", if_match=empty.etag)
    with pytest.raises(RefusedError):
        shelf.store.put("s3lo.yaml", b"five", if_match=empty.etag)


@pytest.mark.parametrize(
    "content", [b"a: [", b"\xff\xff", b"default: {immutable: 7}", b"x" * (2 << 20)]
)
def test_a_malformed_file_is_neither_understood_nor_changed(shelf: Shelf, content: bytes) -> None:
    shelf.put(RULES_KEY, content)
    with pytest.raises(IntegrityError):
        s3lo.get_config(shelf.url)
    with pytest.raises(IntegrityError):
        s3lo.set_config(shelf.url, {"lifecycle.keep_last": "5"})
    assert shelf.store.get(RULES_KEY, limit_bytes=3 << 20) == content


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("colour", "red"),
        ("lifecycle", "x"),
        ("immutable", "1"),
        ("lifecycle.keep_last", "0"),
        ("lifecycle.keep_last", "1.5"),
        ("lifecycle.max_age", "0s"),
        ("lifecycle.max_age", "90"),
        ("lifecycle.keep_tags", "a b"),
    ],
)
def test_wrong_keys_and_values_are_usage_errors(shelf: Shelf, key: str, value: str) -> None:
    with pytest.raises(UsageError):
        s3lo.set_config(shelf.url, {"immutable": "true", key: value})
    assert shelf.keys() == []


def test_a_service_without_conditions_is_written_to_and_the_risk_is_told(
    answering: Answering, aws_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert aws_env

    def reply(seen: Seen) -> Answer:
        if seen.method == "GET":
            return Answer(206, b"# ours\n", {"etag": '"abc"'})
        return error(501, "NotImplemented") if "if-match" in seen.headers else Answer()

    events: list[Event] = []
    answering.reply = reply
    monkeypatch.setenv("AWS_ENDPOINT_URL", answering.url)
    s3lo.set_config("s3://bucket/", {"immutable": "true"}, observer=events.append)
    assert answering.seen[-1].body == b"# ours\ndefault:\n  immutable: true\n"
    assert any(isinstance(event, Note) and "may be lost" in event.text for event in events)
