"""Settings: what the engine chooses to run with, and why. A pure decision.

    target      flag > NIC > EC2 table > default (10 Gbit/s)
    memory      the smaller of 1 GiB and an eighth of the RAM, unless asked otherwise
    part size   8 MiB, unless asked otherwise
    in flight   2.5 parts per Gbit/s of the target (awscrt's own ratio of connections), at least 8,
                never more than the memory holds
    processes   none for less than 256 MiB or on up to 2 CPUs; else one per 10 Gbit/s of the
                target, up to half the CPUs

One client's receive path, with its copy into Python and a pwrite, was measured at 10 to 15 Gbit/s
an interpreter, hence a process per 10. On 2 CPUs a worker process only adds a context switch
between the part that receives and the part that hashes.
"""

from __future__ import annotations

from dataclasses import dataclass

from s3lo.engine.machine import Machine
from s3lo.engine.options import EngineOptions
from s3lo.engine.plan import ALIGNMENT_BYTES, GIB, KIB, MIB, aligned
from s3lo.engine.report import TargetSource
from s3lo.errors import UsageError

DEFAULT_TARGET_GBPS = 10.0
DEFAULT_PART_BYTES = 8 * MIB
DEFAULT_MEMORY_BYTES = 1 * GIB
MOST_CLIENT_THREADS = 8
SMALL_TRANSFER_BYTES = 256 * MIB
SMALL_IN_FLIGHT = 25
SMALL_THREADS = 2
"""A small transfer makes do with the client that fetched the manifest: these are its figures."""
GBPS_PER_PROCESS = 10.0
IN_FLIGHT_PER_GBPS = 2.5
LEAST_IN_FLIGHT = 8

PROCESS_BYTES = 64 * MIB
"""What a process holds besides parts: the interpreter, awscrt, its threads' stacks."""
PART_OVERHEAD = 1.5
"""Memory a part in flight takes, in parts: its bytes in the client, and their copy on the way."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Numbers to run with; ``reasons`` says why, a line each."""

    target_gbps: float
    target_source: TargetSource
    processes: int
    part_size_bytes: int
    initial_in_flight: int
    max_in_flight: int
    memory_limit_bytes: int
    hash_threads: int
    client_threads: int
    verify: bool = True
    reasons: tuple[str, ...] = ()


def choose(
    options: EngineOptions, machine: Machine, total_bytes: int | None = None
) -> EngineSettings:
    """Decide for a transfer of ``total_bytes`` (None: a large one). Raises UsageError."""
    _check(options)
    target, source, why_target = _target(options, machine)
    processes, why_processes = _processes(options, machine, target, total_bytes)
    memory = options.memory_limit_bytes or min(DEFAULT_MEMORY_BYTES, machine.memory_bytes // 8)
    part = aligned(options.part_size_bytes or DEFAULT_PART_BYTES)
    most, why_most = _most_in_flight(options, memory, part, processes)
    is_small = total_bytes is not None and total_bytes < SMALL_TRANSFER_BYTES
    wanted = (
        SMALL_IN_FLIGHT if is_small else max(LEAST_IN_FLIGHT, round(target * IN_FLIGHT_PER_GBPS))
    )
    threads = min(SMALL_THREADS, machine.cpus) if is_small else machine.cpus // max(1, processes)
    return EngineSettings(
        target_gbps=target,
        target_source=source,
        processes=processes,
        part_size_bytes=part,
        initial_in_flight=min(most, wanted),
        max_in_flight=most,
        memory_limit_bytes=memory,
        hash_threads=machine.cpus,
        client_threads=max(1, min(MOST_CLIENT_THREADS, threads)),
        verify=options.verify != "none",
        reasons=(why_target, why_processes, why_most),
    )


def _check(options: EngineOptions) -> None:
    part = options.part_size_bytes
    wrong = [
        name
        for name, bad in (
            ("--target-gbps", options.target_gbps is not None and not options.target_gbps > 0),
            ("--processes", options.processes is not None and not 0 <= options.processes <= 512),
            ("--part-size", part is not None and not 64 * KIB <= part <= 5 * GIB),
            ("--max-in-flight", options.max_in_flight is not None and options.max_in_flight < 1),
            ("--memory-limit", (options.memory_limit_bytes or 128 * MIB) < 128 * MIB),
        )
        if bad
    ]
    if wrong:
        raise UsageError(
            f"{', '.join(wrong)}: out of range",
            hint="Targets are positive, parts 64 KiB to 5 GiB, memory at least 128 MiB.",
        )


def _target(options: EngineOptions, machine: Machine) -> tuple[float, TargetSource, str]:
    if options.target_gbps:
        return options.target_gbps, "flag", f"target: {options.target_gbps:g} Gbit/s as asked"
    if machine.nic_gbps:
        why = f"target: {machine.interface} reports {machine.nic_gbps:g} Gbit/s"
        return machine.nic_gbps, "nic", why
    if machine.ec2_gbps:
        why = f"target: {machine.instance_type} has {machine.ec2_gbps:g} Gbit/s in awscrt's table"
        return machine.ec2_gbps, "ec2-table", why
    nic = f"{machine.interface} reports no speed" if machine.interface else "no default route"
    return DEFAULT_TARGET_GBPS, "default", f"target: {nic}, so {DEFAULT_TARGET_GBPS:g} Gbit/s"


def _processes(
    options: EngineOptions, machine: Machine, target: float, total_bytes: int | None
) -> tuple[int, str]:
    if options.processes is not None:
        return options.processes, f"processes: {options.processes} as asked"
    if total_bytes is not None and total_bytes < SMALL_TRANSFER_BYTES:
        return 0, f"processes: none for {total_bytes / MIB:.0f} MiB, it is over before they start"
    if machine.cpus <= 2:
        return 0, f"processes: none, {machine.cpus} CPUs are busy without"
    wanted = -int(-target // GBPS_PER_PROCESS)
    number = max(1, min(machine.cpus // 2, wanted))
    return (
        number,
        f"processes: one per {GBPS_PER_PROCESS:g} Gbit/s, up to half of {machine.cpus} CPUs",
    )


def _most_in_flight(
    options: EngineOptions, memory: int, part: int, processes: int
) -> tuple[int, str]:
    for_parts = memory - PROCESS_BYTES * (1 + processes)
    fitting = max(1, int(for_parts / (part * PART_OVERHEAD)))
    most = min(fitting, options.max_in_flight or fitting)
    size = f"{part / MIB:g} MiB" if part % ALIGNMENT_BYTES == 0 else f"{part} bytes"
    why = f"in flight: at most {most} parts of {size} in {memory / MIB:.0f} MiB of memory"
    return most, why
