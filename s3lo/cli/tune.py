"""tune: what this host can do, what the engine would choose, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import s3lo
from s3lo.cli.options import Common, common_options, engine_options
from s3lo.cli.render import binary_size, show

if TYPE_CHECKING:
    from s3lo.engine.options import EngineOptions
    from s3lo.operations.results import TuneResult


@click.command()
@engine_options()
@common_options
def tune(engine: EngineOptions, common: Common) -> None:
    """Show what this host can do, what the engine would choose, and why."""
    result = s3lo.tune(engine=engine)
    show(result.to_json(), text_of(result), common.output)


def text_of(result: TuneResult) -> str:
    """The choices as a table, and the reasons below it."""
    rows = [
        ("target", f"{result.target_gbps:g} Gbit/s ({result.target_source})"),
        ("interfaces", ", ".join(result.interfaces) or "none"),
        ("instance type", result.instance_type or "unknown"),
        ("CPUs", str(result.cpus)),
        ("worker processes", str(result.processes or "none")),
        ("part size", binary_size(result.part_size)),
        ("parts in flight", _in_flight(result)),
        ("memory limit", binary_size(result.memory_limit)),
    ]
    table = [f"{name:<17} {value}" for name, value in rows]
    return "\n".join([*table, *(f"- {reason}" for reason in result.reasons)])


def _in_flight(result: TuneResult) -> str:
    first, wanted, most = result.initial_in_flight, result.wanted_in_flight, result.max_in_flight
    return f"{first} at first, {wanted} where the CPUs idle, {most} at most"
