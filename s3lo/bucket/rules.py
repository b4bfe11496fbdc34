"""Rules: what ``s3lo.yaml`` says of an image: immutability, and how long its tags are kept.

STORAGE: "s3lo.yaml". Reading only; keys unknown here are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import fields, replace

from s3lo.bucket.keys import RULES_KEY
from s3lo.bucket.store import Store
from s3lo.errors import InvalidDocument, NotFoundError
from s3lo.model.glob import glob

MAX_RULES_BYTES = 1 << 20

_DAYS = re.compile(r"(\d+)d\Z")
_GO_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_GO_DURATION = re.compile(rf"(?:{_GO_PART.pattern})+\Z")
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}


class Lifecycle(Struct, frozen=True):
    """When tags are pruned; None (and in the file: 0) sets no bound."""

    keep_last: int | None = None
    max_age_seconds: float | None = None
    keep_tags: tuple[str, ...] | None = None


class Rules(Struct, frozen=True):
    """What holds for one image. None: not said here."""

    immutable: bool | None = None
    lifecycle: Lifecycle = Lifecycle()

    def over(self, defaults: Rules) -> Rules:
        """These rules, with what they leave open taken from ``defaults``, field by field."""
        lifecycle = _filled(self.lifecycle, defaults.lifecycle)
        immutable = defaults.immutable if self.immutable is None else self.immutable
        return Rules(immutable, lifecycle)


class Rulebook(Struct, frozen=True):
    """The whole file: defaults, and rules by image name or pattern."""

    default: Rules = Rules()
    images: Mapping[str, Rules] = field(default_factory=dict)

    def effective(self, image: str) -> Rules:
        """What holds for an image: its most specific pattern's rules over the defaults.

        An exact name goes before a pattern, a longer pattern before a shorter one.
        """
        pattern = self.pattern_of(image)
        return self.images[pattern].over(self.default) if pattern else self.default

    def pattern_of(self, image: str) -> str:
        """The name or pattern that is most specific for an image; empty where none matches."""
        if image in self.images:
            return image
        matching = [pattern for pattern in self.images if glob(pattern).match(image)]
        return min(matching, key=lambda pattern: (-len(pattern), pattern), default="")


def load_rules(store: Store) -> Rulebook:
    """A store's rules, empty where it has none; raises InvalidDocument where they are malformed."""
    try:
        raw = store.get(RULES_KEY, limit_bytes=MAX_RULES_BYTES)
    except NotFoundError:
        return Rulebook()
    return parse_rules(raw)


def parse_rules(raw: bytes) -> Rulebook:
    """Read the file's content; raises InvalidDocument that names the malformed key."""
    import yaml

    try:
        content = yaml.safe_load(raw)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidDocument(f"{RULES_KEY} is not valid YAML: {error}") from error
    top = _mapping(content, "")
    images = _mapping(top.get("images"), "images")
    return Rulebook(
        _rules(top.get("default"), "default"),
        {name: _rules(rules, f"images.{name}") for name, rules in images.items()},
    )


def format_duration(seconds: float) -> str:
    """A duration as the file has it: in days, hours or seconds, whichever is whole."""
    for unit, length in (("d", 86400), ("h", 3600)):
        if seconds % length == 0:
            return f"{seconds // length:.0f}{unit}"
    return f"{seconds:g}s"


def parse_duration(text: str) -> float | None:
    """Seconds of ``90d`` or of a Go duration (``168h``, ``1h30m``); None where it is neither."""
    if days := _DAYS.match(text):
        return int(days.group(1)) * 86400.0
    if text == "0":
        return 0.0
    if not _GO_DURATION.match(text):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _GO_PART.findall(text))


def _filled(upper: Lifecycle, lower: Lifecycle) -> Lifecycle:
    said = {f.name: getattr(upper, f.name) for f in fields(upper)}
    return replace(lower, **{name: value for name, value in said.items() if value is not None})


def _rules(value: Any, where: str) -> Rules:
    content = _mapping(value, where)
    immutable = content.get("immutable")
    if immutable is not None and not isinstance(immutable, bool):
        raise _malformed(f"{where}.immutable", "true or false")
    return Rules(immutable, _lifecycle(content.get("lifecycle"), f"{where}.lifecycle"))


def _lifecycle(value: Any, where: str) -> Lifecycle:
    content = _mapping(value, where)
    return Lifecycle(
        _keep_last(content.get("keep_last"), f"{where}.keep_last"),
        _max_age(content.get("max_age"), f"{where}.max_age"),
        _keep_tags(content.get("keep_tags"), f"{where}.keep_tags"),
    )


def _keep_last(value: Any, where: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _malformed(where, "a whole number")
    return value or None


def _max_age(value: Any, where: str) -> float | None:
    if value is None or value == "":
        return None
    seconds = parse_duration(str(value)) if isinstance(value, str | int) else None
    if seconds is None:
        raise _malformed(where, "a duration such as 90d or 168h")
    return seconds or None


def _keep_tags(value: Any, where: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise _malformed(where, "a list of tags (in quotes where they look like numbers)")
    return tuple(value)


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise _malformed(where, "a mapping of names (in quotes where they look like numbers)")
    return value


def _malformed(where: str, wanted: str) -> InvalidDocument:
    place = f"{RULES_KEY}: {where}" if where else RULES_KEY
    return InvalidDocument(f"{place} must be {wanted}")
