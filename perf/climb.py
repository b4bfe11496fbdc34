"""How soon a pull is as fast as the best window that is held fixed, and what the climb costs in all.

    python -m perf.climb [--rounds 5] [--json FILE]

From services that give 2, 8, 25 and 90 MB/s a connection, into memory, in turn: s3lo as it is, and with
so many parts in flight from the first to the last as may be best there. The best of these is the one that
takes the least from its first byte to its end, all being verified by then: bytes that come sooner and are
hashed later are no gain. s3lo has reached it when in half a second it gets nine tenths of what the best
one gets between its first half second and its last byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from perf.figures import spread
from perf.goodput import Course, pull
from perf.program import leave, parse
from perf.report.numbers import with_range
from perf.rounds import in_turn
from perf.s3lo_command import S3lo, fixed_window
from perf.steady_memory import steady_memory
from perf.stock import StockImage, stock_image
from perf.workload import Shape
from tests.servers import OriginOptions

_SHAPE = Shape(blobs=4, blob_size="1GiB")
_WINDOWS = {2: (200, 400, 600), 8: (100, 200, 300), 25: (25, 50, 100), 90: (12, 25, 50)}
"""In flight, by the megabytes that a connection brings in a second."""
_MEMORY = Path("/dev/shm")
_LOOK_SECONDS = 0.5
_REACHED = 0.9


@dataclass(frozen=True)
class Climb:
    """Of one round at one speed, in seconds from the first byte on. ``to_best``: goodput of the whole pull,
    its climb included, to that of the best window."""

    reached_seconds: float
    to_best: float
    best: str
    seconds: float


def main() -> None:
    given = parse(__doc__)
    image = stock_image(_SHAPE, given.cache)
    with steady_memory(image):
        found = _measure(image, given.rounds)
    summary = {
        f"{speed} MB/s a connection": (
            f"reached after {with_range(spread([each.reached_seconds for each in climbs]), 2)} s, in all "
            f"{with_range(spread([each.to_best for each in climbs]), 2)} of the best window's goodput"
        )
        for speed, climbs in found.items()
    }
    shown = {str(speed): [asdict(each) for each in climbs] for speed, climbs in found.items()}
    leave(given, summary, {"climbs": shown})


def _measure(image: StockImage, rounds: int) -> dict[int, list[Climb]]:
    """By speed in MB/s; one more round is run than counted."""
    found: dict[int, list[Climb]] = {speed: [] for speed in _WINDOWS}
    for number in range(rounds + 1):
        for speed, windows in _WINDOWS.items():
            contenders = in_turn([S3lo(), *map(fixed_window, windows)], number)
            options = OriginOptions(connection_bytes_per_second=speed * 1_000_000)
            courses = {by.name: pull(image, options, _MEMORY, by) for by in contenders}
            climb = climb_of(courses)
            print(f"round {number}, {speed} MB/s: {climb}", flush=True)
            if number:
                found[speed].append(climb)
    return found


def climb_of(courses: Mapping[str, Course]) -> Climb:
    """``courses``: that of s3lo, and by name those of fixed windows."""
    ours = courses["s3lo"]
    fixed = {name: course for name, course in courses.items() if name != "s3lo"}
    name, best = min(fixed.items(), key=lambda each: each[1].end)
    return Climb(
        reached_seconds=_reached(ours, _REACHED * best.goodput(_LOOK_SECONDS, best.last_byte)),
        to_best=best.end / ours.end,
        best=name,
        seconds=ours.end,
    )


def _reached(course: Course, wanted: float) -> float:
    """When it was as fast as wanted; the end where it never was."""
    for moment, _ in course.samples:
        if moment >= _LOOK_SECONDS and course.goodput(moment - _LOOK_SECONDS, moment) >= wanted:
            return moment
    return course.end


if __name__ == "__main__":
    main()
