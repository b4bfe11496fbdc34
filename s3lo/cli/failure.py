"""Failure: what ended a command, as one paragraph, one document and one exit status."""

from __future__ import annotations

import sys
from contextlib import suppress

import click

from s3lo.cli.render import is_stdout_gone, write_document
from s3lo.errors import Interrupted, LocalError, S3loError, UsageError, from_os

_TRACEBACK_VERBOSITY = 2


class Bug(S3loError):
    """Something that s3lo did not expect."""

    code = "bug"
    default_hint = "Please report it with the traceback that -vv shows."


def as_error(problem: BaseException) -> S3loError:
    """The error of ours for whatever was raised: one place, so that nothing escapes as it is."""
    if isinstance(problem, S3loError):
        return problem
    if isinstance(problem, click.UsageError):
        command = problem.ctx.command_path if problem.ctx else "s3lo"
        return UsageError(problem.format_message(), hint=f"See '{command} --help'.")
    if isinstance(problem, click.ClickException):
        return S3loError(problem.format_message())
    if isinstance(problem, (KeyboardInterrupt, click.Abort)):
        return Interrupted("interrupted")
    if isinstance(problem, OSError):
        return from_os(problem, "using" if problem.filename else "working")
    said = f": {problem}" if str(problem) else ""
    return Bug(f"this is a bug in s3lo: {type(problem).__name__}{said}")


def paragraph(error: S3loError) -> str:
    """What was being done, to which reference, what went wrong, what to do next; one line."""
    about = [f"while {error.doing} {error.reference}".rstrip()] if error.doing else []
    if not error.doing and error.reference:
        about = [error.reference]
    sentence = ": ".join(["s3lo", *about, _flat(error.message).rstrip(".")])
    return f"{sentence}. {_flat(error.hint)}".rstrip()


def report(problem: BaseException, output: str, verbosity: int) -> int:
    """Tell the user, on stderr and for programs on stdout; gives the exit status.

    That status is the problem's own, also where stderr or stdout takes no more words.
    """
    if isinstance(problem, BrokenPipeError) and is_stdout_gone():
        return 1  # whoever read us has gone away and wants no word of it
    error = as_error(problem)
    with suppress(OSError, ValueError):
        _explain(problem, error, verbosity)
    if output != "text":
        with suppress(LocalError, OSError, ValueError):
            write_document({"error": _document(error)}, output)
    return error.exit_code


def _explain(problem: BaseException, error: S3loError, verbosity: int) -> None:
    if verbosity >= _TRACEBACK_VERBOSITY:
        import traceback

        traceback.print_exception(problem, file=sys.stderr)
    if isinstance(problem, click.exceptions.NoArgsIsHelpError):
        click.echo(error.message, err=True)
    else:
        click.echo(paragraph(error), err=True)


def _document(error: S3loError) -> dict[str, str]:
    return {
        "code": error.code,
        "message": error.message,
        "reference": error.reference,
        "hint": error.hint,
    }


def _flat(text: str) -> str:
    return " ".join(text.split())
