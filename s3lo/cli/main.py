"""The command: finds the verb, runs it, and turns whatever comes out of it into an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NoReturn

import click

from s3lo import __version__
from s3lo.cli import failure, signals, streams
from s3lo.cli.options import Session, output_wanted
from s3lo.errors import Interrupted

_VERBS = (
    "push",
    "pull",
    "list",
    "inspect",
    "stats",
    "delete",
    "clean",
    "config",
    "doctor",
    "tune",
    "completion",
)


class _Verbs(click.Group):
    """Each verb lies in a module of its own, which is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _VERBS:
            return None
        command: click.Command = getattr(import_module(f"s3lo.cli.{cmd_name}"), cmd_name)
        return command


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Results go to stdout, everything else to stderr. Exit status: 0 done, 1 failed, "
    "2 usage, 3 not found, 4 denied, 5 integrity, 6 refused by a rule, 7 network or service, "
    "8 this machine, 130 and 143 interrupted.",
)
@click.version_option(__version__, prog_name="s3lo", message="%(prog)s %(version)s")
def cli() -> None:
    """Container images in an S3 bucket, moved as fast as the machine and the network allow."""


def main() -> NoReturn:
    """The ``s3lo`` command; ends the process."""
    streams.repair()
    signals.install()
    if "_S3LO_COMPLETE" in os.environ:
        cli.main(prog_name="s3lo")
    try:
        status = run(sys.argv[1:], os.environ)
    except Interrupted as late:  # a first signal while an error was being reported
        status = late.exit_code
    signals.leave(status)


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one command line and give its exit status; what went wrong has been reported."""
    session = Session(output=output_wanted(arguments, environment))
    try:
        with cli.make_context("s3lo", list(arguments), obj=session) as context:
            cli.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except BaseException as problem:
        return failure.report(problem, session.output, session.verbosity)
    return 0
