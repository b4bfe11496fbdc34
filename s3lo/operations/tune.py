"""tune: what this host can do, what the engine would choose, and why."""

from __future__ import annotations

from s3lo.engine.machine import read_machine
from s3lo.engine.options import EngineOptions
from s3lo.engine.settings import choose
from s3lo.operations.results import TuneResult

_DEFAULTS = EngineOptions()


def tune(*, engine: EngineOptions = _DEFAULTS) -> TuneResult:
    """The engine's view of this machine, and its choice for a large transfer.

    Touches no network. Raises UsageError for options out of range.
    """
    machine = read_machine(engine.interfaces)
    settings = choose(engine, machine)
    return TuneResult(
        target_gbps=settings.target_gbps,
        target_source=settings.target_source,
        interfaces=machine.interfaces,
        instance_type=machine.instance_type,
        cpus=machine.cpus,
        processes=settings.processes,
        part_size=settings.part_size_bytes,
        initial_in_flight=settings.initial_in_flight,
        wanted_in_flight=settings.idle_in_flight,
        max_in_flight=settings.max_in_flight,
        memory_limit=settings.memory_limit_bytes,
        reasons=settings.reasons,
    )
