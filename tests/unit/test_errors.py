"""Errors: each class has its exit code and survives pickling with all it knows."""

from __future__ import annotations

import errno
import importlib
import pickle
import pkgutil
from collections.abc import Iterator

import pytest

from s3lo import errors, model
from s3lo.errors import S3loError


def _tree(kind: type[S3loError]) -> Iterator[type[S3loError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)


for _module in pkgutil.iter_modules(model.__path__, "s3lo.model."):
    importlib.import_module(_module.name)

EVERY = sorted(set(_tree(S3loError)), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", EVERY)
def test_an_error_crosses_processes_with_all_its_fields(kind: type[S3loError]) -> None:
    before = kind("what", hint="do this", reference="s3://b/i:t")
    before.doing = "pulling"
    after = pickle.loads(pickle.dumps(before))
    assert type(after) is kind
    assert str(after) == "what"
    assert vars(after) == vars(before)


@pytest.mark.parametrize("kind", EVERY)
def test_a_default_hint_crosses_processes_too(kind: type[S3loError]) -> None:
    assert pickle.loads(pickle.dumps(kind("what"))).hint == kind.default_hint


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.S3loError, 1),
        (errors.InvalidReference, 2),
        (errors.NotFoundError, 3),
        (errors.AccessDeniedError, 4),
        (errors.InvalidDocument, 5),
        (errors.ImmutableTag, 6),
        (errors.ThrottledError, 7),
        (errors.DiskFull, 8),
    ],
)
def test_exit_codes_are_those_of_the_contract(kind: type[S3loError], status: int) -> None:
    assert kind("x").exit_code == status


@pytest.mark.parametrize(("number", "status"), [(2, 130), (15, 143)])
def test_a_signal_is_reported_as_shells_do(number: int, status: int) -> None:
    error = errors.Interrupted.by_signal(number)
    assert error.exit_code == status
    assert pickle.loads(pickle.dumps(error)).exit_code == status


def test_codes_are_told_apart() -> None:
    """Scripts read them; Terminated is an interruption whatever the signal."""
    codes = [kind.code for kind in EVERY if kind is not errors.Terminated]
    assert len(codes) == len(set(codes))


def test_the_outermost_context_that_knows_fills_what_is_missing() -> None:
    with (
        pytest.raises(S3loError) as raised,
        errors.context("pulling", "outer"),
        errors.context("reading", "inner"),
    ):
        raise S3loError("x")
    assert (raised.value.doing, raised.value.reference) == ("reading", "inner")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_called_so(number: int) -> None:
    error = errors.from_os(OSError(number, "full", "/x"), "writing")
    assert isinstance(error, errors.DiskFull)
    assert "/x" in error.message


def test_other_os_errors_are_local() -> None:
    error = errors.from_os(OSError(errno.EACCES, "Permission denied", "/x"), "writing")
    assert type(error) is errors.LocalError
    assert error.message == "Permission denied while writing /x"
