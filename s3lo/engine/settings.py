"""Settings: what the engine chooses to run with, and why. A pure decision.

    target      flag > NIC > EC2 table > default (10 Gbit/s)
    part size   8 MiB. What sockets send, for a large blob a 32nd of it, 64 MiB at most, if those
                are as many as the target needs. What they receive, a 512th of all there is, but
                for each 10 Gbit/s of the target 8 MiB, 64 MiB at most; never so large that as many
                as the target needs would have fewer than 4 each, and not below 4 MiB. Once it is
                known what a connection brings they may become larger: see ``coordinator``
    in flight   2.5 parts per Gbit/s of the target (85 MB/s a connection, with some to spare), at
                least 8, never more than the memory holds; on sockets one a CPU at first, 8 where
                these idle and the target is the default, and what the tuner makes of it: where
                connections prove slow, at once as many as the target needs, or the default twice
    processes   none for less than 256 MiB or on up to 2 CPUs; else one per 10 Gbit/s of the
                target, up to half the CPUs, each with a few parts of its own
    memory      1 GiB or what the parts in flight need, up to an eighth of the RAM, unless asked
                otherwise

By awscrt a part in flight is held in memory, and a half for its way; on sockets 256 KiB of it, so
that large parts, which spare a fleet requests, cost no memory.
"""

from __future__ import annotations

import sys

from msgspec import Struct

from s3lo.engine.machine import Machine
from s3lo.engine.options import EngineOptions
from s3lo.engine.plan import GIB, KIB, MIB
from s3lo.engine.report import TargetSource
from s3lo.engine.sockets.pipe import most_pipes
from s3lo.errors import UsageError
from s3lo.model.part_sizes import aligned

DEFAULT_TARGET_GBPS = 10.0
DEFAULT_PART_BYTES = 8 * MIB
DEFAULT_MEMORY_BYTES = 1 * GIB
LEAST_MEMORY_BYTES = 128 * MIB
LEAST_PER_PROCESS = 4
"""Parts in flight that a worker process needs to be worth its memory."""
MOST_CLIENT_THREADS = 8
SMALL_TRANSFER_BYTES = 256 * MIB
SMALL_IN_FLIGHT = 25
SMALL_THREADS = 2
"""A small transfer makes do with the client that fetched the manifest: these are its figures."""
GBPS_PER_PROCESS = 10.0
IN_FLIGHT_PER_GBPS = 2.5
LEAST_IN_FLIGHT = 8
MOST_IN_FLIGHT = 2048
MOST_TARGET_GBPS = 10_000.0
GUESS_FALLS_SHORT = 2.0
"""What the default target is multiplied by where connections prove slow. Of 8 MB/s each 4 GiB took 0.96 and, in
another series, 1.00 of the time; as long as before where a link of 2 Gbit/s was the limit."""

PROCESS_BYTES = 64 * MIB
"""What a process holds besides parts: the interpreter, awscrt, its threads' stacks, the larger steps of
its first connections."""
PART_OVERHEAD = 1.5
"""Memory a part takes in awscrt, in parts: its bytes in the client, and their copy on the way."""
LANE_BYTES = 384 * KIB
"""Memory a part takes on a socket: 256 KiB, a thread, and its connection's state."""
STARTING_LANES_PER_CPU = 1
FILES_FOR_OTHERS = 48
"""Of half of those that may be open: a part in flight takes two, its connection and its file."""
ROOM_TO_CLIMB = 8
"""How far the tuner may widen the window, where the memory allows it."""
PARTS_PER_TRANSFER = 512
LEAST_PARTS_PER_LANE = 4
LEAST_STARTING_LANES = 2
LEAST_PART_BYTES = 4 * MIB
MOST_PART_BYTES = 64 * MIB


class EngineSettings(Struct, frozen=True):
    """Numbers to run with; ``reasons`` says why, a line each."""

    target_gbps: float
    target_source: TargetSource
    processes: int
    part_size_bytes: int
    most_part_bytes: int
    """Of parts that are received where the service is short of requests or a connection is fast, or of
    a large blob that is sent."""
    initial_in_flight: int
    wanted_in_flight: int
    """What the target needs."""
    idle_in_flight: int
    """What to go on with where the first left the CPUs idle."""
    max_in_flight: int
    most_held_bytes: int
    """Of parts in flight, where these are held in memory."""
    memory_limit_bytes: int
    cpus: int
    client_threads: int
    verify: bool = True
    is_tuned: bool = False
    """Whether the window follows measured goodput."""
    reasons: tuple[str, ...] = ()

    @property
    def aim_gbps(self) -> float:
        """What the tuner goes for at once where connections prove to be slow."""
        is_guess = self.target_source == "default"
        return GUESS_FALLS_SHORT * self.target_gbps if is_guess else self.target_gbps


def choose(
    options: EngineOptions,
    machine: Machine,
    total_bytes: int | None = None,
    *,
    on_sockets: bool = True,
    sends: bool = False,
) -> EngineSettings:
    """Decide for a transfer of ``total_bytes`` (None: a large one), on sockets or by awscrt.

    Raises UsageError for wishes out of range, and for those that do not go together.
    """
    check(options)
    target, source, why_target = _target(options, machine)
    is_small = total_bytes is not None and total_bytes < SMALL_TRANSFER_BYTES
    wanted = (
        SMALL_IN_FLIGHT if is_small else max(LEAST_IN_FLIGHT, round(target * IN_FLIGHT_PER_GBPS))
    )
    wanted = min(wanted, options.max_in_flight or MOST_IN_FLIGHT)
    initial = wanted
    if on_sockets:
        initial = min(wanted, max(LEAST_STARTING_LANES, STARTING_LANES_PER_CPU * machine.cpus))
    # What is small is over before a climb would end.
    is_known = is_small or source != "default"
    part = DEFAULT_PART_BYTES
    if on_sockets and not sends:
        part = _part_bytes(total_bytes, target, wanted)
    part = aligned(options.part_size_bytes or part)
    is_fixed = bool(options.part_size_bytes) or (sends and not on_sockets)
    held = LANE_BYTES if on_sockets else int(part * PART_OVERHEAD)
    processes, why_processes = _processes(options, machine, target, is_small)
    room = wanted * ROOM_TO_CLIMB if on_sockets else wanted
    memory = _memory(options, machine, _needed_bytes(processes, room, held))
    if options.processes is None:
        processes = _affordable(processes, held, memory)
    files = max(1, processes) * _files_for_parts(machine.open_files)
    most, why_most = _most_in_flight(options, memory, part, held, processes, files)
    threads = min(SMALL_THREADS, machine.cpus) if is_small else machine.cpus // max(1, processes)
    return EngineSettings(
        target_gbps=target,
        target_source=source,
        processes=processes,
        part_size_bytes=part,
        most_part_bytes=part if is_fixed else MOST_PART_BYTES,
        initial_in_flight=min(most, initial),
        wanted_in_flight=min(most, wanted),
        idle_in_flight=min(most, wanted if is_known else max(initial, LEAST_IN_FLIGHT)),
        max_in_flight=most,
        most_held_bytes=sys.maxsize if on_sockets else most * part,
        memory_limit_bytes=memory,
        cpus=machine.cpus,
        client_threads=max(1, min(MOST_CLIENT_THREADS, threads)),
        verify=options.verify != "none",
        is_tuned=on_sockets,
        reasons=(why_target, why_processes, why_most),
    )


def _files_for_parts(open_files: int) -> int:
    """How many parts may be in flight in one process: each is a connection and a file, and some have a
    pipe between."""
    return max(1, open_files // 2 - most_pipes(open_files) - FILES_FOR_OTHERS)


def _part_bytes(total_bytes: int | None, target: float, lanes: int) -> int:
    for_target = round(target / DEFAULT_TARGET_GBPS * DEFAULT_PART_BYTES)
    if total_bytes is None:
        return min(MOST_PART_BYTES, max(DEFAULT_PART_BYTES, for_target))
    wanted = max(for_target, total_bytes // PARTS_PER_TRANSFER)
    enough_for_all = total_bytes // (lanes * LEAST_PARTS_PER_LANE)
    return min(MOST_PART_BYTES, max(LEAST_PART_BYTES, min(wanted, enough_for_all)))


def check(options: EngineOptions) -> None:
    """Raise UsageError for wishes that no machine could fulfil."""
    part, target = options.part_size_bytes, options.target_gbps
    memory = options.memory_limit_bytes
    wrong = [
        name
        for name, bad in (
            ("--target-gbps", target is not None and not 0 < target <= MOST_TARGET_GBPS),
            ("--processes", options.processes is not None and not 0 <= options.processes <= 512),
            ("--part-size", part is not None and not 64 * KIB <= part <= 5 * GIB),
            ("--max-in-flight", options.max_in_flight is not None and options.max_in_flight < 1),
            ("--memory-limit", (memory or LEAST_MEMORY_BYTES) < LEAST_MEMORY_BYTES),
        )
        if bad
    ]
    if wrong:
        raise UsageError(
            f"{', '.join(wrong)}: out of range",
            hint="Targets are up to 10,000 Gbit/s, parts 64 KiB to 5 GiB, memory from 128 MiB.",
        )


def _target(options: EngineOptions, machine: Machine) -> tuple[float, TargetSource, str]:
    if options.target_gbps:
        return options.target_gbps, "flag", f"target: {options.target_gbps:g} Gbit/s as asked"
    names = ", ".join(machine.interfaces)
    if machine.nic_gbps:
        verb = "report" if len(machine.interfaces) > 1 else "reports"
        why = f"target: {names} {verb} {machine.nic_gbps:g} Gbit/s"
        return machine.nic_gbps, "nic", why
    if machine.ec2_gbps:
        why = f"target: {machine.instance_type} has {machine.ec2_gbps:g} Gbit/s in awscrt's table"
        return machine.ec2_gbps, "ec2-table", why
    nic = f"no speed known of {names}" if names else "no default route"
    return DEFAULT_TARGET_GBPS, "default", f"target: {nic}, so {DEFAULT_TARGET_GBPS:g} Gbit/s"


def _processes(
    options: EngineOptions, machine: Machine, target: float, is_small: bool
) -> tuple[int, str]:
    if options.processes is not None:
        return options.processes, f"processes: {options.processes} as asked"
    if is_small:
        small = f"{SMALL_TRANSFER_BYTES / MIB:.0f} MiB"
        return 0, f"processes: none for less than {small}, it is over before they start"
    if machine.cpus <= 2:
        return 0, f"processes: none, {machine.cpus} CPUs are busy without"
    wanted = -int(-target // GBPS_PER_PROCESS)
    number = max(1, min(machine.cpus // 2, wanted))
    each = f"{GBPS_PER_PROCESS:g} Gbit/s"
    return number, f"processes: one per {each}, up to half of {machine.cpus} CPUs"


def _needed_bytes(processes: int, parts: int, held_bytes: int) -> int:
    """What processes and parts in flight hold together."""
    return PROCESS_BYTES * (1 + processes) + parts * held_bytes


def _memory(options: EngineOptions, machine: Machine, needed_bytes: int) -> int:
    if options.memory_limit_bytes:
        return options.memory_limit_bytes
    wanted = max(DEFAULT_MEMORY_BYTES, needed_bytes)
    return max(LEAST_MEMORY_BYTES, min(wanted, machine.memory_bytes // 8))


def _affordable(processes: int, held_bytes: int, memory_bytes: int) -> int:
    """As many processes as the memory gives a few parts each."""
    while processes and memory_bytes < _needed_bytes(
        processes, processes * LEAST_PER_PROCESS, held_bytes
    ):
        processes -= 1
    return processes


def _most_in_flight(
    options: EngineOptions, memory: int, part: int, held: int, processes: int, files: int
) -> tuple[int, str]:
    fitting = (memory - PROCESS_BYTES * (1 + processes)) // held
    if fitting < max(1, processes):
        raise UsageError(
            f"{memory / MIB:.0f} MiB of memory do not hold parts of {part / MIB:g} MiB"
            f" for {max(1, processes)} processes",
            hint="Give more with --memory-limit, or ask for smaller parts or fewer processes.",
        )
    most = min(fitting, options.max_in_flight or MOST_IN_FLIGHT, MOST_IN_FLIGHT, files)
    why = (
        f"in flight: at most {most} parts of {part / MIB:g} MiB in {memory / MIB:.0f} MiB of memory"
    )
    return most, why
