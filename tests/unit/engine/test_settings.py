"""What the engine chooses, given a machine and wishes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.engine.machine import Machine, default_interfaces
from s3lo.engine.options import EngineOptions
from s3lo.engine.plan import GIB, MIB
from s3lo.engine.settings import LANE_BYTES, PART_OVERHEAD, PROCESS_BYTES, choose
from s3lo.engine.sockets.pipe import most_pipes
from s3lo.errors import UsageError

SMALL = Machine(cpus=2, memory_bytes=24 * GIB)
LARGE = Machine(cpus=72, memory_bytes=192 * GIB, instance_type="c5n.18xlarge", ec2_gbps=100.0)


def test_a_flag_goes_before_the_nic_before_the_table_before_the_default() -> None:
    everything = Machine(8, 64 * GIB, ("eth0",), 25.0, "c5n.18xlarge", 100.0)
    assert choose(EngineOptions(target_gbps=7), everything).target_source == "flag"
    assert choose(EngineOptions(), everything).target_gbps == 25.0
    assert choose(EngineOptions(), LARGE).target_source == "ec2-table"
    assert choose(EngineOptions(), SMALL).target_source == "default"


def test_parts_pipes_and_the_rest_fit_the_descriptors() -> None:
    few = Machine(cpus=2, memory_bytes=24 * GIB, open_files=1024)
    asked = EngineOptions(processes=0, max_in_flight=5000, memory_limit_bytes=8 * GIB)
    chosen = choose(asked, few, 100 * GIB, on_sockets=True)
    assert chosen.max_in_flight > 300
    assert 2 * chosen.max_in_flight + 2 * most_pipes(1024) < 1024


def test_idle_cpus_are_given_few_parts_where_the_target_is_a_guess() -> None:
    """A link of 2 Gbit/s was filled by 8, and crowded by the 25 that 10 Gbit/s would need."""
    assert choose(EngineOptions(), SMALL, 10 * GIB).idle_in_flight == 8
    assert choose(EngineOptions(target_gbps=10), SMALL, 10 * GIB).idle_in_flight == 25
    assert choose(EngineOptions(), LARGE, 10 * GIB).idle_in_flight == 250
    assert choose(EngineOptions(), SMALL, 5 * MIB).idle_in_flight == 25
    assert choose(EngineOptions(), Machine(16, 64 * GIB), 10 * GIB).idle_in_flight == 16


def test_of_slow_connections_more_are_opened_at_once_where_the_target_is_a_guess() -> None:
    """As many as 10 Gbit/s need left two cores idle to 40%, for the third of a second in which they came."""
    assert choose(EngineOptions(), SMALL).aim_gbps == 20.0
    assert choose(EngineOptions(target_gbps=10), SMALL).aim_gbps == 10.0
    assert choose(EngineOptions(), LARGE).aim_gbps == 100.0


def test_two_cpus_and_small_transfers_stay_in_one_process() -> None:
    assert choose(EngineOptions(), SMALL, 10 * GIB).processes == 0
    assert choose(EngineOptions(), LARGE, 5 * MIB).processes == 0
    assert choose(EngineOptions(), LARGE, 10 * GIB).processes == 10
    assert choose(EngineOptions(processes=3), SMALL, 5 * MIB).processes == 3


@given(
    st.integers(1, 200),
    st.floats(0.1, 800),
    st.none() | st.integers(0, 64),
    st.integers(64 << 10, 64 << 20),
    st.none() | st.integers(128 << 20, 16 << 30),
    st.integers(256 << 20, 2 << 40),
    st.booleans(),
)
def test_parts_in_flight_fit_the_memory_budget(
    cpus: int,
    target: float,
    processes: int | None,
    part: int,
    memory: int | None,
    ram: int,
    on_sockets: bool,
) -> None:
    options = EngineOptions(target, processes, part, None, memory)
    try:
        chosen = choose(options, Machine(cpus, ram), 100 * GIB, on_sockets=on_sockets)
    except UsageError:
        return
    assert max(1, chosen.processes) <= chosen.max_in_flight
    assert 1 <= chosen.initial_in_flight <= chosen.max_in_flight
    left_for_parts = chosen.memory_limit_bytes - PROCESS_BYTES * (1 + chosen.processes)
    held = LANE_BYTES if on_sockets else int(chosen.part_size_bytes * PART_OVERHEAD)
    assert chosen.max_in_flight * held <= left_for_parts
    assert chosen.memory_limit_bytes <= (memory or max(128 * MIB, ram // 8))


@pytest.mark.parametrize(
    ("cpus", "memory_gib", "gbps", "processes", "in_flight"),
    [
        (2, 24, None, 0, 25),
        (4, 16, 10.0, 1, 25),
        (8, 64, 25.0, 3, 62),
        (72, 192, 100.0, 10, 250),
        (96, 1152, 400.0, 40, 1000),
        (192, 2048, 3200.0, 96, 2048),
        (1, 1, None, 0, 5),
    ],
    ids=["small", "laptop", "c5n.4xlarge", "c5n.18xlarge", "p4d", "p5", "nano"],
)
def test_real_machines_get_the_parts_in_flight_that_their_target_needs(
    cpus: int, memory_gib: int, gbps: float | None, processes: int, in_flight: int
) -> None:
    """Once 1 GiB was all that any machine got: p4d was left with one part in flight."""
    machine = Machine(cpus, memory_gib * GIB, ec2_gbps=gbps)
    chosen = choose(EngineOptions(), machine, on_sockets=False)
    assert (chosen.processes, chosen.initial_in_flight) == (processes, in_flight)
    receiving = choose(EngineOptions(), machine)
    assert receiving.initial_in_flight == min(max(8, round((gbps or 10) * 2.5)), max(2, cpus))
    assert receiving.wanted_in_flight == min(max(8, round((gbps or 10) * 2.5)), 2048)
    assert receiving.max_in_flight >= min(464, 8 * receiving.initial_in_flight) or memory_gib == 1


@pytest.mark.parametrize(
    ("total_bytes", "gbps", "part_bytes"),
    [
        (5 * MIB, 10.0, 4 * MIB),
        (512 * MIB, 10.0, 5244 * 1024),
        (4 * GIB, 10.0, 8 * MIB),
        (12 * GIB, 10.0, 24 * MIB),
        (12 * GIB, 100.0, 3146 * 4096),
        (200 * GIB, 100.0, 64 * MIB),
        (None, 10.0, 8 * MIB),
        (None, 400.0, 64 * MIB),
    ],
)
def test_parts_grow_with_the_transfer_and_the_target_while_all_lanes_have_some(
    total_bytes: int | None, gbps: float, part_bytes: int
) -> None:
    machine = Machine(cpus=72, memory_bytes=192 * GIB, ec2_gbps=gbps)
    chosen = choose(EngineOptions(), machine, total_bytes)
    assert chosen.part_size_bytes == part_bytes
    assert chosen.part_size_bytes % 4096 == 0


def test_what_is_sent_has_larger_parts_only_where_none_is_held_and_none_was_asked_for() -> None:
    asked = EngineOptions(part_size_bytes=6 * MIB)
    for options, on_sockets, most in (
        (EngineOptions(), True, 64 * MIB),
        (EngineOptions(), False, 8 * MIB),
        (asked, True, 6 * MIB),
        (asked, False, 6 * MIB),
    ):
        chosen = choose(options, LARGE, 4 * GIB, on_sockets=on_sockets, sends=True)
        assert (chosen.part_size_bytes, chosen.most_part_bytes) == (min(most, 8 * MIB), most)


def test_what_is_received_is_tuned_up_to_the_number_of_requests_that_was_asked_for() -> None:
    assert choose(EngineOptions(max_in_flight=7), SMALL).max_in_flight == 7
    assert choose(EngineOptions(max_in_flight=7), SMALL).is_tuned
    assert not choose(EngineOptions(), SMALL, on_sockets=False).is_tuned


def test_wishes_that_do_not_go_together_are_usage_errors() -> None:
    for wishes in (
        EngineOptions(processes=4, memory_limit_bytes=128 * MIB),
        EngineOptions(part_size_bytes=2 * GIB),
    ):
        with pytest.raises(UsageError, match="do not hold"):
            choose(wishes, SMALL, on_sockets=False)


@pytest.mark.parametrize(
    "options",
    [
        EngineOptions(target_gbps=0),
        EngineOptions(target_gbps=float("nan")),
        EngineOptions(target_gbps=float("inf")),
        EngineOptions(processes=-1),
        EngineOptions(part_size_bytes=1),
        EngineOptions(part_size_bytes=6 * GIB),
        EngineOptions(max_in_flight=0),
        EngineOptions(memory_limit_bytes=1),
    ],
)
def test_wishes_out_of_range_are_usage_errors(options: EngineOptions) -> None:
    with pytest.raises(UsageError):
        choose(options, SMALL)


def test_every_choice_has_a_reason() -> None:
    assert len(choose(EngineOptions(), LARGE).reasons) == 3


def test_the_default_route_with_the_lowest_metric_names_the_interface() -> None:
    routes = (
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
        "eth1\t00000000\t0100000A\t0003\t0\t0\t200\t00000000\n"
        "eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\n"
        "lo\t0000007F\t00000000\t0001\t0\t0\t0\t000000FF\n"
    )
    assert default_interfaces(routes) == ("eth0",)
    assert default_interfaces("Iface\n") == ()
