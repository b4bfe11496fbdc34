"""The tuner: it finds the width at which bytes come fastest, whatever limits them."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count
from statistics import median

import pytest

from s3lo.engine.cpu_use import CpuUse
from s3lo.engine.sample import Standing
from s3lo.engine.tuner import Tuner

TICK_SECONDS = 0.01
CPUS = 2
INITIAL, WANTED, MOST, AIM_GBPS = 2, 25, 1024, 10.0


def made_tuner(wanted: int = WANTED) -> Tuner:
    return Tuner(INITIAL, wanted, MOST, AIM_GBPS, CPUS)


def widths(
    goodput: Callable[[int], float],
    seconds: float,
    *,
    noise: float = 0.05,
    seed: int = 1,
    busy_at: float = float("inf"),
    wanted: int = WANTED,
) -> list[int]:
    """What the tuner sets at each tick against an origin with this goodput for a width, where the
    CPUs are busy with so many bytes a second."""
    chance = random.Random(seed)
    tuner = made_tuner(wanted)
    received, used, seen = 0.0, 0.0, []
    for tick in range(round(seconds / TICK_SECONDS)):
        tuner.observe(Standing(tick * TICK_SECONDS, int(received), CpuUse(used)))
        seen.append(tuner.width)
        rate = goodput(tuner.width)
        received += rate * TICK_SECONDS * chance.gauss(1, noise)
        used += min(1.0, rate / busy_at) * CPUS * TICK_SECONDS
    return seen


def capped(per_connection: float, in_all: float) -> Callable[[int], float]:
    return lambda width: min(width * per_connection, in_all)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    ("per_connection", "in_all"),
    [(8e6, 1.2e9), (2e6, 0.9e9), (25e6, 1.2e9), (90e6, 1.2e9), (90e6, 0.125e9)],
)
def test_it_gets_nine_tenths_of_what_there_is_within_three_seconds(
    per_connection: float, in_all: float, seed: int
) -> None:
    goodput = capped(per_connection, in_all)
    seen = widths(goodput, 30, seed=seed, busy_at=1.2e9)
    late = seen[round(3 / TICK_SECONDS) :]
    mean = sum(goodput(width) for width in late) / len(late)
    assert mean >= 0.9 * in_all


def test_where_wider_is_no_faster_it_becomes_narrow() -> None:
    seen = widths(lambda width: 1.2e9 * (1 - 0.005 * width), 60, noise=0.01)
    assert max(seen) <= 4 * WANTED
    assert seen[-1] <= WANTED // 3


def test_a_service_that_takes_its_time_gets_at_once_what_the_target_needs() -> None:
    seen = widths(capped(8e6, 1.2e9), 0.05, busy_at=1.2e9)
    assert seen == [INITIAL] * 3 + [WANTED] * 2


@pytest.mark.parametrize("seed", range(10))
def test_slow_connections_are_found_out_before_much_could_have_come(seed: int) -> None:
    """Until a hundred and more are in flight both CPUs are idle: that took 0.4 s of a pull of 5.9."""
    seen = widths(capped(8e6, 1.2e9), 0.25, busy_at=1.2e9, seed=seed)
    assert seen[-1] >= 100


@pytest.mark.parametrize("seed", range(10))
def test_cores_that_are_busy_are_given_no_more_to_do(seed: int) -> None:
    """On two cores that four requests kept busy the climb from there cost a ninth of the time."""
    seen = widths(capped(0.6e9, 1.2e9), 60, busy_at=1.2e9, seed=seed)
    assert set(seen) <= {INITIAL - 1, INITIAL}


@pytest.mark.parametrize("seed", range(10))
def test_cores_that_were_idle_are_given_more_even_if_they_are_busy_now(seed: int) -> None:
    """Of 90 MB/s a connection eight kept both busy: a pull stayed there, at 0.8 of what 12 brought."""
    goodput = capped(90e6, 1.0e9)
    seen = widths(goodput, 3, busy_at=0.8e9, wanted=8, seed=seed)
    assert goodput(seen[-1]) >= 0.9e9


@pytest.mark.parametrize("seed", range(10))
def test_a_bad_moment_at_first_is_not_for_ever_where_connections_are_what_it_lacks(
    seed: int,
) -> None:
    """Sixteen once brought no more than eight while files were made, and the CPUs were busy with both:
    the pull tried five again and again, and never twelve."""
    ticks = count()

    def goodput(width: int) -> float:
        return min(width * 90e6, 1.0e9 if next(ticks) * TICK_SECONDS > 0.8 else 0.7e9)

    seen = widths(goodput, 6, busy_at=0.7e9, wanted=8, seed=seed)
    assert seen[round(1 / TICK_SECONDS)] == 8
    assert median(seen[round(4.5 / TICK_SECONDS) :]) >= 11


@pytest.mark.parametrize(("own_share", "stays"), [(0.5, True), (0.05, False)])
def test_a_machine_that_is_busy_with_others_matters_only_to_who_needs_it(
    own_share: float, stays: bool
) -> None:
    """With the service on the same cores half of them are ours, and more requests gain nothing.
    Beside other work a pull once stayed at two connections of 25 MB/s each."""
    tuner = made_tuner()
    for tick in range(1, round(1 / TICK_SECONDS)):
        now = tick * TICK_SECONDS
        use = CpuUse(own_seconds=own_share * CPUS * now, idle_ticks=0, all_ticks=tick)
        tuner.observe(Standing(now, tick * 10**7, use))
    assert (tuner.width == INITIAL) is stays


@pytest.mark.parametrize(("lull_seconds", "more"), [(0.0, 0.4), (0.075, 0.75)])
def test_what_comes_but_once_makes_it_no_wider(lull_seconds: float, more: float) -> None:
    """Of a link of 2 Gbit/s, what had waited in queues came with what it brings; and after a lull, when
    readers had no CPU, 16 in flight brought 3.4 for 2 that 8 had brought."""
    tuner = Tuner(INITIAL, 8, MOST, AIM_GBPS, CPUS)
    seen: list[int] = []
    received, waited, lull_until = 0.0, 0.0, 0.0
    for tick in range(round(10 / TICK_SECONDS)):
        now = tick * TICK_SECONDS
        tuner.observe(Standing(now, int(received)))
        if seen and tuner.width > seen[-1] >= 8:
            lull_until = now + lull_seconds
            waited += 0.0 if lull_seconds else 25e6
        seen.append(tuner.width)
        brought = 0.25e9 * TICK_SECONDS
        if now < lull_until:
            waited += brought
        else:
            late = min(waited, more * brought)
            waited -= late
            received += brought + late
    assert max(seen) <= 4 * 8
    assert seen[-1] <= 8


@pytest.mark.parametrize("period_seconds", [0.2, 0.3, 0.4, 0.5, 0.6])
@pytest.mark.parametrize("held_share", [0.3, 0.5, 0.6])
def test_what_a_loss_held_back_and_lets_go_is_not_more(
    period_seconds: float, held_share: float
) -> None:
    """What came behind a lost packet counts when that has come. Of a link of 1 Gbit/s and 10 ms 16 in
    flight twice brought more than that, then 98: a pull of 35 s took 45."""
    tuner = Tuner(INITIAL, 8, MOST, AIM_GBPS, CPUS)
    held = 0.2
    let_go = (1 - held_share * held) / (1 - held_share)
    widest, turned_at, received = INITIAL, 0.0, 0.0
    for tick in range(round(4 / TICK_SECONDS)):
        now = tick * TICK_SECONDS
        width = tuner.width
        tuner.observe(Standing(now, int(received)))
        if tuner.width != width:
            widest, turned_at = max(widest, tuner.width), now
        share = 1.0
        if tuner.width > 8:
            in_period = (now - turned_at) % period_seconds / period_seconds
            share = held if in_period < held_share else let_go
        received += 125e6 * share * TICK_SECONDS
    assert widest == 16


def test_it_follows_when_the_network_gets_better() -> None:
    tuner = made_tuner()
    received = 0.0
    for tick in range(round(120 / TICK_SECONDS)):
        now = tick * TICK_SECONDS
        received += min(tuner.width * 8e6, 0.1e9 if now < 20 else 0.8e9) * TICK_SECONDS
        tuner.observe(Standing(now, int(received)))
    assert tuner.width * 8e6 > 0.7e9


@pytest.mark.parametrize("seed", range(5))
def test_what_a_narrower_window_brings_for_a_moment_only_is_not_enough(seed: int) -> None:
    """Three connections filled a link as five had, until one of them lost a packet."""
    chance = random.Random(seed)
    tuner = made_tuner()
    received, turned_at, seen = 0.0, 0.0, []
    for tick in range(round(40 / TICK_SECONDS)):
        now = tick * TICK_SECONDS
        width = tuner.width
        tuner.observe(Standing(now, int(received)))
        if tuner.width != width:
            turned_at = now
        seen.append(tuner.width)
        lasts = tuner.width >= 5 or now - turned_at < 0.4
        rate = 250e6 if lasts else 250e6 * (1 - 0.025 * (5 - tuner.width))
        received += rate * TICK_SECONDS * chance.gauss(1, 0.01)
    late = seen[len(seen) // 2 :]
    assert max(late) <= WANTED
    assert sum(width >= 5 for width in late) >= 0.9 * len(late)


def test_nothing_is_concluded_from_a_window_that_was_not_full() -> None:
    tuner = made_tuner()
    for tick in range(round(2.5 / TICK_SECONDS)):
        tuner.observe(Standing(tick * TICK_SECONDS, tick * 1000))
        tuner.disturbed()
    assert tuner.width == INITIAL


def test_every_change_says_why() -> None:
    tuner = made_tuner()
    reasons = []
    for tick in range(round(0.3 / TICK_SECONDS)):
        tuner.observe(Standing(tick * TICK_SECONDS, tick * 2 * 10**6))
        if tuner.reason not in reasons:
            reasons.append(tuner.reason)
    assert reasons == [
        "",
        "2 in flight left the CPUs idle: now 25",
        "25 in flight brought 1.60 Gbit/s: now 50",
    ]


def test_nothing_is_looked_at_while_it_rests() -> None:
    tuner = made_tuner()
    ticks, rested = round(10 / TICK_SECONDS), 0
    for tick in range(ticks):
        now = tick * TICK_SECONDS
        rested += now < tuner.looks_at
        tuner.observe(Standing(now, tick * 10**6))
    assert rested > ticks / 2


def test_connections_that_are_still_being_made_say_nothing() -> None:
    """300 took half a second to make: twice as many then seemed to bring what half of them had."""
    tuner = made_tuner()
    received, connected = 0.0, 0.0
    for tick in range(round(6 / TICK_SECONDS)):
        now = tick * TICK_SECONDS
        connected = min(tuner.width, connected + 300 * TICK_SECONDS)
        received += connected * 8e6 * TICK_SECONDS
        tuner.observe(Standing(now, int(received), connections=int(connected)))
    assert tuner.width >= 300


def test_a_width_that_is_never_reached_is_looked_at_all_the_same() -> None:
    tuner = made_tuner()
    for tick in range(round(4 / TICK_SECONDS)):
        now = tick * TICK_SECONDS
        tuner.observe(Standing(now, int(now * 50 * 8e6), connections=50))
    assert tuner.reason.endswith(": now 50") or tuner.width <= 50


@pytest.mark.parametrize("seed", range(10))
def test_busy_cores_take_half_as_much_more_where_twice_as_much_came(seed: int) -> None:
    """Over 50 connections of 25 MB/s two cores were busy with 1.2 GB/s, and over 100 with 2, which were
    hashed later: 204, opened then, brought all of it no sooner."""
    seen = widths(capped(25e6, 4e9), 0.8, busy_at=1.25e9, seed=seed)
    assert max(seen) == 75


@pytest.mark.parametrize("seed", range(10))
def test_half_as_much_more_is_enough_where_twice_would_be_too_much(seed: int) -> None:
    goodput = capped(25e6, 2e9)
    seen = widths(goodput, 3, busy_at=1.25e9, seed=seed)
    assert max(goodput(width) for width in seen) >= 0.9 * 2e9


@pytest.mark.parametrize("in_all", [1.25e9, 1.4e9], ids=["no more came", "a bit more came"])
@pytest.mark.parametrize("seed", range(5))
def test_busy_cores_are_not_given_less_at_once(in_all: float, seed: int) -> None:
    """316 connections of 8 MB/s brought little more than 158, for two cores were busy hashing what had
    come; with 105, tried at once, they had too little to do, in 10 of 30 pulls."""
    seen = widths(capped(8e6, in_all), 1.2, busy_at=1e9, seed=seed)
    widest_at = seen.index(max(seen))
    assert max(seen) >= 200
    assert min(seen[widest_at:]) * 8e6 >= 0.9 * in_all


def test_what_still_rises_is_waited_for() -> None:
    tuner = made_tuner()
    received, rate = 0.0, 0.0
    for tick in range(round(4 / TICK_SECONDS)):
        now = tick * TICK_SECONDS
        wanted = tuner.width * 8e6
        rate += (wanted - rate) * TICK_SECONDS / 0.4
        received += rate * TICK_SECONDS
        tuner.observe(Standing(now, int(received)))
    assert tuner.width >= 200


def test_a_moment_in_which_nothing_came_proves_no_proportion() -> None:
    """Whatever is there after it is more than in proportion to nothing: 38 in flight became 608."""
    tuner = made_tuner()
    received = 0.0
    for tick in range(round(2.4 / TICK_SECONDS)):
        now = tick * TICK_SECONDS
        received += 0 if now >= 1.8 else 1e8 * TICK_SECONDS
        tuner.observe(Standing(now, int(received)))
    assert tuner.width <= 100


@pytest.mark.parametrize("seed", range(10))
def test_a_link_is_shared_by_no_more_than_fill_it(seed: int) -> None:
    """By 16 where 8 filled it, each sent smaller packets: 4 GiB took 1.4 times the CPU time. What comes
    of a full link, samples told to 1%: one unlucky one of the narrower width opened 26, until two decided."""
    seen = widths(capped(60e6, 0.25e9), 4, noise=0.02, seed=seed)
    assert seen[-1] <= WANTED // 2


def test_what_is_still_in_flight_beyond_the_window_says_nothing_about_it() -> None:
    """Narrower seemed to cost nothing over slow connections, for what had begun went on for seconds."""
    tuner = made_tuner()
    received, in_flight, seen = 0.0, 0.0, []
    for tick in range(round(30 / TICK_SECONDS)):
        now = tick * TICK_SECONDS
        in_flight = max(tuner.width, in_flight - 20 * TICK_SECONDS)
        received += in_flight * 2e6 * TICK_SECONDS
        tuner.observe(Standing(now, int(received), in_flight=round(in_flight)))
        seen.append(tuner.width)
    widest = seen.index(max(seen))
    assert min(seen[widest:]) >= 0.6 * max(seen)


def test_idle_cpus_are_given_more_to_do_however_the_first_bytes_come() -> None:
    """What came in the second half of that moment only was once waited for five times."""
    tuner = made_tuner()
    for moment, received in ((0.0, 0), (0.013, 0), (0.025, 10**6)):
        tuner.observe(Standing(moment, received))
    assert tuner.width == WANTED
