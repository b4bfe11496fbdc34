"""Diagnosis: what doctor says of a store: checks, and in each what was found and what mends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct, field

from s3lo.engine.report import EngineReport
from s3lo.operations.results import Result

Status = Literal["ok", "advice", "denied", "skipped", "failed"]
"""``advice``: nothing is damaged, and something could be better. ``denied``: the credentials may not,
and nothing that a reader needs depends on it. ``failed``: damage, or what has to be known could not
be."""


class Finding(Struct, frozen=True):
    """One thing that was found."""

    subject: str
    """A key, a digest, a tag, a permission."""
    problem: str
    mend: str = ""
    """The command that mends it, where there is one."""
    tags: tuple[str, ...] = ()
    """Those that it concerns, or the first of them."""
    tags_count: int = 0


class Check(Struct, frozen=True):
    name: str
    status: Status
    detail: str
    findings: tuple[Finding, ...] = ()
    figures: Mapping[str, int] = field(default_factory=dict)
    """Counts, and sizes in bytes."""


class DoctorResult(Result, frozen=True):
    """What a store is like. It is healthy where no check has failed."""

    reference: str
    healthy: bool
    checks: tuple[Check, ...]
    seed: int | None = None
    """With which a sample can be drawn again, of the same blobs while the store has the same ones."""
    engine: EngineReport | None = None
    """Of what read the content."""


def is_healthy(checks: Sequence[Check]) -> bool:
    return all(check.status != "failed" for check in checks)


def unknown(name: str, error: Exception) -> Check:
    """A check that could not be made."""
    return Check(name, "failed", f"could not be checked: {error}")
