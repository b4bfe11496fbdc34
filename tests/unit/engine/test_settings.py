"""What the engine chooses, given a machine and wishes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.engine.machine import Machine, default_interface
from s3lo.engine.options import EngineOptions
from s3lo.engine.plan import GIB, MIB
from s3lo.engine.settings import PART_OVERHEAD, PROCESS_BYTES, choose
from s3lo.errors import UsageError

SMALL = Machine(cpus=2, memory_bytes=24 * GIB)
LARGE = Machine(cpus=72, memory_bytes=192 * GIB, instance_type="c5n.18xlarge", ec2_gbps=100.0)


def test_a_flag_goes_before_the_nic_before_the_table_before_the_default() -> None:
    everything = Machine(8, 64 * GIB, "eth0", 25.0, "c5n.18xlarge", 100.0)
    assert choose(EngineOptions(target_gbps=7), everything).target_source == "flag"
    assert choose(EngineOptions(), everything).target_gbps == 25.0
    assert choose(EngineOptions(), LARGE).target_source == "ec2-table"
    assert choose(EngineOptions(), SMALL).target_source == "default"


def test_two_cpus_and_small_transfers_stay_in_one_process() -> None:
    assert choose(EngineOptions(), SMALL, 10 * GIB).processes == 0
    assert choose(EngineOptions(), LARGE, 5 * MIB).processes == 0
    assert choose(EngineOptions(), LARGE, 10 * GIB).processes == 10
    assert choose(EngineOptions(processes=3), SMALL, 5 * MIB).processes == 3


@given(
    st.integers(1, 200),
    st.floats(0.1, 400),
    st.integers(0, 64),
    st.integers(64 << 10, 64 << 20),
    st.integers(128 << 20, 16 << 30),
)
def test_parts_in_flight_fit_the_memory_budget(
    cpus: int, target: float, processes: int, part: int, memory: int
) -> None:
    options = EngineOptions(target, processes, part, None, memory)
    chosen = choose(options, Machine(cpus, 64 * GIB), 100 * GIB)
    assert 1 <= chosen.initial_in_flight <= chosen.max_in_flight
    left_for_parts = memory - PROCESS_BYTES * (1 + processes)
    held = chosen.max_in_flight * chosen.part_size_bytes * PART_OVERHEAD
    assert held <= left_for_parts or chosen.max_in_flight == 1


@pytest.mark.parametrize(
    "options",
    [
        EngineOptions(target_gbps=0),
        EngineOptions(target_gbps=float("nan")),
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
    assert default_interface(routes) == "eth0"
    assert default_interface("Iface\n") == ""
