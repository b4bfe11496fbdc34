"""Options: those that every command takes, those of the engine, and how a size is written."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from msgspec import Struct, convert

from s3lo.bucket.options import ConnectionOptions, StorageOptions
from s3lo.engine.options import EngineOptions

Command = TypeVar("Command", bound=Callable[..., Any])

OUTPUTS = ("text", "json", "yaml")
PROGRESS_MODES = ("auto", "plain", "json", "none")

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b)?\Z", re.IGNORECASE | re.ASCII)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%?\Z", re.ASCII)
_MOST_BYTES = 1 << 62


class Session(Struct):
    """What the reporting of an error has to know, even when the command line was not understood."""

    output: str = "text"
    verbosity: int = 0


class Common(Struct, frozen=True):
    """The options of every command."""

    connection: ConnectionOptions
    tmpdir: Path | None
    output: str
    progress: str
    quiet: bool
    verbosity: int


def names(text: str) -> tuple[str, ...]:
    """Comma-separated names."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def size(text: str) -> int:
    """The bytes that a size means, at least one: ``8MiB``, ``64MB``, ``1g``, ``65536``.

    MB is a million bytes, MiB is 2^20, and a bare letter means the latter, as Docker reads it.
    """
    matched = _SIZE.match(text.strip())
    number, letter, rest = matched.groups() if matched else ("0", "", "")
    base = 1000 if (rest or "").lower() == "b" else 1024
    unit: int = base ** (" kmgt".index(letter.lower() or " "))
    wanted = float(number) * unit  # infinite for absurdly many digits
    bytes_ = round(wanted) if wanted < _MOST_BYTES else 0
    if not bytes_:
        raise click.BadParameter(f"{text!r} is not a size. Write 8MiB, 64MB or 1g.")
    return bytes_


def duration(text: str) -> float:
    """The seconds that a duration means, as rules have it: ``7d``, ``168h``, ``1h30m``, ``0s``."""
    from s3lo.bucket.rules import parse_duration  # here, for most commands know no durations

    seconds = parse_duration(text.strip())
    if seconds is None:
        raise click.BadParameter(f"{text!r} is not a duration. Write 1h, 90m or 7d.")
    return seconds


def share(text: str) -> float:
    """The share that a percentage means: ``5%`` and ``5`` are 0.05."""
    matched = _PERCENT.match(text.strip())
    if matched is None or not 0 < float(matched[1]) <= 100:
        raise click.BadParameter(f"{text!r} is not a percentage. Write 5%.")
    return float(matched[1]) / 100


def output_wanted(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """The output format a command line asks for, found without understanding the rest of it.

    An error about the command line itself has to be a document too where one was asked for.
    """
    wanted = environment.get("S3LO_OUTPUT", "")
    for argument, after in zip(arguments, [*arguments[1:], ""], strict=False):
        if argument == "--":
            break
        if matched := re.match(r"(?:--output=|-[qv]*o)(.+)", argument):
            wanted = matched[1]
        elif re.fullmatch(r"--output|-[qv]*o", argument):
            wanted = after
    return wanted if wanted in OUTPUTS else "text"


def option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """An option with its environment twin: ``--part-size`` is also ``S3LO_PART_SIZE``."""
    long_name = next(name for name in names if name.startswith("--"))
    twin = "S3LO_" + long_name[2:].replace("-", "_").upper()
    return click.option(*names, envvar=twin, **settings)


_COMMON = (
    option(
        "-o",
        "--output",
        type=click.Choice(OUTPUTS),
        default="text",
        help="How the result is written to stdout.",
    ),
    option(
        "--endpoint-url",
        "--endpoint",
        "endpoint_url",
        default="",
        metavar="URL",
        help="Where S3 is reached.",
    ),
    option("--region", default="", help="The bucket's region."),
    option("--profile", default="", help="The profile of AWS's files to use."),
    option("--no-sign-request", is_flag=True, help="Send no credentials."),
    option("--ca-bundle", default="", metavar="FILE", help="Certificates to trust."),
    option(
        "--request-payer",
        type=click.Choice(("requester",)),
        help="Pay for requests to a bucket whose owner does not.",
    ),
    option("-q", "--quiet", is_flag=True, help="Neither progress nor notes."),
    option("-v", "--verbose", count=True, help="More notes; -vv shows tracebacks."),
    option(
        "--progress",
        type=click.Choice(PROGRESS_MODES),
        default="auto",
        help="How progress is shown on stderr.",
    ),
    option(
        "--tmpdir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where temporary files lie.",
    ),
    option("--insecure", is_flag=True, help="Plain HTTP for registries that are not on loopback."),
)

_ENGINE = (
    option(
        "--target-gbps",
        type=click.FloatRange(0, min_open=True),
        metavar="N",
        help="Throughput to aim at, in Gbit/s. Default: that of the network interface.",
    ),
    option(
        "--processes",
        type=click.IntRange(0),
        metavar="N",
        help="Worker processes; 0: all in one process.",
    ),
    option("--part-size", type=size, help="Bytes of one request."),
    option(
        "--max-in-flight",
        type=click.IntRange(1),
        metavar="N",
        help="Requests at one time, at most.",
    ),
    option("--memory-limit", type=size, help="For all processes together."),
    option(
        "--interfaces",
        type=names,
        default="",
        metavar="A,B",
        help="Network interfaces to spread connections over.",
    ),
    option(
        "--backend",
        type=click.Choice(("auto", "native", "s3transfer")),
        default="auto",
        help="The client that moves the bytes; auto: sockets, through a proxy awscrt.",
    ),
)

_STORAGE = (
    option(
        "--storage-class",
        default="",
        metavar="CLASS",
        help="Of blobs; default: INTELLIGENT_TIERING, where the service has it.",
    ),
    option(
        "--sse",
        type=click.Choice(("AES256", "aws:kms")),
        help="Server-side encryption; default: the bucket's.",
    ),
    option("--sse-kms-key-id", default="", metavar="ID", help="The key of aws:kms."),
)
_DIRECT = option(
    "--direct-io",
    is_flag=True,
    help="Write past the page cache, for disks faster than memory is copied.",
)
_VERIFY = option(
    "--verify",
    type=click.Choice(("sha256", "none")),
    default="sha256",
    help="Whether what was pulled is hashed and compared.",
)


def common_options(command: Command) -> Command:
    """Add the options of every command; the command gets them as ``common``."""

    @functools.wraps(command)
    def collected(**values: Any) -> Any:
        taken = {name: values.pop(name) for name in _names(_COMMON)}
        common = _common(taken)
        session = click.get_current_context().obj
        session.output, session.verbosity = common.output, common.verbosity
        return command(common=common, **values)

    return cast(Command, _with(collected, _COMMON))


def storage_options(command: Command) -> Command:
    """Add the options of what is written; the command gets them as ``storage``."""

    @functools.wraps(command)
    def collected(**values: Any) -> Any:
        taken = {name: values.pop(name) or "" for name in _names(_STORAGE)}
        return command(storage=convert(taken, StorageOptions), **values)

    return cast(Command, _with(collected, _STORAGE))


def engine_options(*, receives: bool = False) -> Callable[[Command], Command]:
    """Add the options of the engine; the command gets them as ``engine``."""
    options = (*_ENGINE, _DIRECT, _VERIFY) if receives else _ENGINE

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def collected(**values: Any) -> Any:
            taken = {name: values.pop(name) for name in _names(options)}
            for name in ("part_size", "memory_limit"):
                taken[f"{name}_bytes"] = taken.pop(name)
            return command(engine=EngineOptions(**taken), **values)

        return cast(Command, _with(collected, options))

    return decorate


def _common(values: dict[str, Any]) -> Common:
    connection = ConnectionOptions(
        endpoint_url=values["endpoint_url"],
        region=values["region"],
        profile=values["profile"],
        no_sign_request=values["no_sign_request"],
        ca_bundle=values["ca_bundle"],
        request_payer=values["request_payer"] or "",
    )
    return Common(
        connection=connection,
        tmpdir=values["tmpdir"],
        output=values["output"],
        progress=values["progress"],
        quiet=values["quiet"],
        verbosity=values["verbose"],
    )


def _with(command: Command, options: Sequence[Callable[[Any], Any]]) -> Command:
    """Apply decorators so that the help lists them in the order written."""
    for decorate in reversed(options):
        command = decorate(command)
    return command


@functools.cache
def _names(options: tuple[Callable[[Any], Any], ...]) -> tuple[str, ...]:
    """The parameter names that these options give to a command."""

    def probe() -> None: ...

    return tuple(p.name for p in click.command()(_with(probe, options)).params if p.name)
