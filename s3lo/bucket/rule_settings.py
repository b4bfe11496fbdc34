"""Rule settings: the single values of ``s3lo.yaml``, by the names that ``config`` has for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from s3lo.bucket.rules import Rulebook, Rules, format_duration, parse_duration
from s3lo.bucket.rules_text import Path, Value
from s3lo.errors import UsageError
from s3lo.model.reference import TAG

BUILT_IN = "built-in"
"""Where a value comes from that nobody has set."""
DEFAULT = "default"


class Setting(Struct, frozen=True):
    """What holds, and which section of the file says so: ``default``, or an image's or pattern's."""

    value: bool | int | str | tuple[str, ...] | None
    source: str


def settings_of(book: Rulebook, pattern: str) -> dict[str, Setting]:
    """What holds for an image, a pattern, or (empty) for all that have no rules of their own."""
    section = book.pattern_of(pattern) if pattern else ""
    own = book.images[section] if section else Rules()
    found = {}
    for key, value_of in _READ.items():
        value, source = value_of(own), f"images.{section}"
        if value is None:
            value, source = value_of(book.default), DEFAULT
        if value is None:
            value, source = (False if key == "immutable" else None), BUILT_IN
        found[key] = Setting(value, source)
    return found


def parse_settings(given: Mapping[str, str]) -> dict[Path, Value | None]:
    """Values by where they lie in a section, None for those to be taken away (empty).

    Raises UsageError for a key that there is not, and for a value that is not of its kind.
    """
    if not given:
        raise UsageError("there is nothing to set", hint=f"Write KEY=VALUE; {_KEYS}.")
    return {_path(key): _value(key, text.strip()) for key, text in given.items()}


def _path(key: str) -> Path:
    if key not in _PARSE:
        raise UsageError(f"{key!r} is not a setting", hint=f"{_KEYS}.")
    return tuple(key.split("."))


def _value(key: str, text: str) -> Value | None:
    if not text:
        return None
    parse, wanted = _PARSE[key]
    value = parse(text)
    if value is None:
        raise UsageError(f"{key}={text}: {wanted} is expected", hint=f"{key}= takes it away.")
    return value


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


def _number(text: str) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) < 10
    return (int(text) or None) if is_number else None


def _duration(text: str) -> str | None:
    return text if parse_duration(text) else None


def _tags(text: str) -> list[str] | None:
    tags = [tag.strip() for tag in text.split(",")]
    return tags if all(map(TAG.fullmatch, tags)) else None


def _age(rules: Rules) -> str | None:
    seconds = rules.lifecycle.max_age_seconds
    return None if seconds is None else format_duration(seconds)


_READ: dict[str, Callable[[Rules], bool | int | str | tuple[str, ...] | None]] = {
    "immutable": lambda rules: rules.immutable,
    "lifecycle.keep_last": lambda rules: rules.lifecycle.keep_last,
    "lifecycle.max_age": _age,
    "lifecycle.keep_tags": lambda rules: rules.lifecycle.keep_tags,
}
_PARSE: dict[str, tuple[Callable[[str], Value | None], str]] = {
    "immutable": (_boolean, "true or false"),
    "lifecycle.keep_last": (_number, "a whole number above 0"),
    "lifecycle.max_age": (_duration, "a duration such as 90d or 168h"),
    "lifecycle.keep_tags": (_tags, "a list of tags, with commas,"),
}
_KEYS = f"keys are {', '.join(_PARSE)}"
