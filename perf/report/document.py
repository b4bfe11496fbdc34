"""Document: outcomes and the machine they come from, as JSON on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from perf.machine import Machine
from perf.outcome import Outcome

SCHEMA = 1
_DECIMALS = 4
"""Of seconds: the clock is read around a process start, which is no steadier than that."""


@dataclass(frozen=True)
class Document:
    """All that a report is made of."""

    outcomes: tuple[Outcome, ...]
    machine: Machine


def to_json(outcomes: Sequence[Outcome], machine: Machine) -> dict[str, object]:
    """Plain JSON values; seconds are rounded to 0.1 ms, all else comes back as it was.

    Keys stand in the order of the fields, contenders in the order in which they ran.
    """
    return {
        "schema": SCHEMA,
        "machine": asdict(machine),
        "outcomes": [_rounded(asdict(outcome)) for outcome in outcomes],
    }


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, _DECIMALS)
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_rounded(each) for each in value]
    return value


def write(path: Path, outcomes: Sequence[Outcome], machine: Machine) -> None:
    """Whole or not at all: a suite stopped in the middle keeps what it had measured before."""
    text = json.dumps(to_json(outcomes, machine), indent=2)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(path)


def read(path: Path) -> Document:
    """Raises ValueError where the file is not a document of this schema."""
    content = json.loads(path.read_text(encoding="utf-8"))
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise ValueError(f"{path} has schema {schema}, and this reads {SCHEMA}: measure again")
    try:
        return msgspec.convert(content, Document)
    except msgspec.ValidationError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
