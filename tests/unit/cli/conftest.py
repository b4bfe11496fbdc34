"""Fixtures: a command line that is run in this process, and what came out of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from s3lo.cli.main import run


@dataclass(frozen=True)
class Outcome:
    status: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        return json.loads(self.stdout)


CommandLine = Callable[..., Outcome]


@pytest.fixture
def s3lo_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """Runs ``s3lo`` with arguments, without the environment of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("S3LO_")]:
        monkeypatch.delenv(name)

    def command(*arguments: str, **environment: str) -> Outcome:
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            status = run(arguments, environment)
        return Outcome(status, *capsys.readouterr())

    return command


@dataclass
class Library:
    """Stands where an operation would: answers with a result or an error, keeps what it got."""

    answer: Any = None
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] | None = None

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.arguments, self.options = arguments, options
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    """What ``s3lo.push``, ``pull`` and the other operations are for the time of a test."""
    import s3lo

    stand_in = Library()
    for verb in (
        "push",
        "pull",
        "list_tags",
        "inspect",
        "read_manifest",
        "clean",
        "delete",
        "get_config",
        "set_config",
        "stats",
        "doctor",
        "tune",
    ):
        monkeypatch.setitem(vars(s3lo), verb, stand_in)
    return stand_in
