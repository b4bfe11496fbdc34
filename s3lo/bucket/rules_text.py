"""Rules text: changes settings in the text of ``s3lo.yaml`` and leaves every other sign as it is.

PyYAML says where in the text each node lies; what changes is cut out and put in there. Comments,
order, quotes and keys of others stay because they are not touched. Afterwards both texts are read,
and what they say must differ in the settings asked for and in nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from s3lo.bucket.keys import RULES_KEY
from s3lo.errors import InvalidDocument

Value = bool | int | str | Sequence[str]
Path = tuple[str, ...]

_PLAIN = re.compile(r"[A-Za-z0-9_./*-]+\Z")


def changed(text: str, section: Path, settings: Mapping[Path, Value | None]) -> str:
    """The text with settings of a section changed; None takes one away.

    A section of which nothing is left goes too, for an empty one would still hide less specific
    patterns. Raises InvalidDocument where the text is not YAML, or written in a way that cannot be
    changed like this (anchors, for one).
    """
    wanted = _load(text) or {}
    result = text
    for setting, value in settings.items():
        path = (*section, *setting)
        if value is None:
            result = _without(result, path)
            _drop(wanted, path)
        else:
            result = _with(result, path, _written(value))
            _put(wanted, path, value)
    for depth in range(len(section) + 1, 0, -1):
        path = (*section, "lifecycle")[:depth]
        if _is_empty(wanted, path):
            result = _without(result, path)
            _drop(wanted, path)
    if (_load(result) or {}) != wanted:
        raise InvalidDocument(
            f"{RULES_KEY} is written in a way that s3lo does not change",
            hint="Change it by hand; `s3lo config get` shows what it means.",
        )
    return result


def _with(text: str, path: Path, written: str) -> str:
    node = _root(text)
    if _is_null(node):
        lead = text[: node.start_mark.index] if node else text
        lead = f"{lead}\n" if lead and not lead.endswith("\n") else lead
        rest = text[node.end_mark.index :] if node else ""
        return f"{lead}{_block(path, written, 0)}\n{rest}"
    for depth, name in enumerate(path):
        key, value = _entry(node, name)
        if key is None:
            return _inserted(text, node, path[depth:], written)
        node, below = value, path[depth + 1 :]
        if below and not _is_null(node):
            continue
        new = f"{{{_flow(below, written)}}}" if below else written
        if isinstance(node, yaml.ScalarNode) and not _is_null(node):
            return text[: node.start_mark.index] + new + text[_end(node) :]
        return f"{text[: key.end_mark.index]}: {new}{text[_end(node) :]}"
    raise AssertionError("a path has at least one name")


def _without(text: str, path: Path) -> str:
    node = _root(text)
    for name in path[:-1]:
        _, node = _entry(node, name)
    key, value = _entry(node, path[-1])
    if key is None:
        return text
    start, end = key.start_mark.index, _end(value)
    if node.flow_style:
        after = re.compile(r"\s*,\s*").match(text, end)
        if after:
            return text[:start] + text[after.end() :]
        return re.sub(r",\s*\Z", "", text[:start]) + text[end:]
    line_end = text.find("\n", end)
    return text[: start - key.start_mark.column] + (text[line_end + 1 :] if line_end >= 0 else "")


def _inserted(text: str, mapping: Any, path: Path, written: str) -> str:
    """A new entry behind the last one of a mapping."""
    if not isinstance(mapping, yaml.MappingNode):
        raise InvalidDocument(f"{RULES_KEY}: a mapping is expected where {path[0]} belongs")
    if not mapping.value:  # {}
        at = mapping.end_mark.index - 1
        return text[:at] + _flow(path, written) + text[at:]
    at = _end(mapping.value[-1][1])
    if mapping.flow_style:
        return f"{text[:at]}, {_flow(path, written)}{text[at:]}"
    line_end = text.find("\n", at)
    line_end = len(text) if line_end < 0 else line_end
    indent = mapping.value[0][0].start_mark.column
    return f"{text[:line_end]}\n{_block(path, written, indent)}{text[line_end:]}"


def _flow(path: Path, written: str) -> str:
    if not path:
        return written
    below = _flow(path[1:], written)
    return f"{_written(path[0])}: " + (f"{{{below}}}" if len(path) > 1 else below)


def _block(path: Path, written: str, indent: int) -> str:
    lead = f"{' ' * indent}{_written(path[0])}:"
    if len(path) == 1:
        return f"{lead} {written}"
    return f"{lead}\n{_block(path[1:], written, indent + 2)}"


def _written(value: Value) -> str:
    """A value as YAML, in quotes where it would be read as something else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        return f"[{', '.join(map(_written, value))}]"
    try:
        is_plain = bool(_PLAIN.match(value)) and yaml.safe_load(value) == value
    except yaml.YAMLError:
        is_plain = False
    return value if is_plain else json.dumps(value)


def _load(text: str) -> Any:
    try:
        return _unshared(yaml.safe_load(text))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidDocument(f"{RULES_KEY} is not valid YAML: {error}") from error


def _unshared(content: Any) -> Any:
    """The same with nothing in two places, as anchors have it: what changes one leaves the other."""
    if isinstance(content, dict):
        return {name: _unshared(value) for name, value in content.items()}
    return [_unshared(value) for value in content] if isinstance(content, list) else content


def _root(text: str) -> Any:
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _is_null(node: Any) -> bool:
    return node is None or node.tag == "tag:yaml.org,2002:null"


def _entry(node: Any, name: str) -> tuple[Any, Any]:
    """Key and value under a name; both None where a mapping does not have it."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value == name:
            return key, value
    return None, None


def _end(node: Any) -> int:
    """Where a node's text ends. PyYAML lets a block end where the next thing begins."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _put(content: Any, path: Path, value: Value) -> None:
    for name in path[:-1]:
        if content.get(name) is None:
            content[name] = {}
        content = content[name]
    content[path[-1]] = value if isinstance(value, bool | int | str) else list(value)


def _drop(content: Any, path: Path) -> None:
    for name in path[:-1]:
        content = content.get(name)
        if not content:
            return
    content.pop(path[-1], None)


def _is_empty(content: Any, path: Path) -> bool:
    """Whether there is an entry under a path that says nothing."""
    for name in path[:-1]:
        content = content.get(name)
        if not content:
            return False
    return path[-1] in content and not content[path[-1]]
