"""How soon a pull is as fast as before when a service that throttled it throttles no more.

    python -m perf.recovery [--rounds 5] [--json FILE]

The service gives 300 MB/s in all. It answers 30% of the requests with 503 for the first two seconds,
then none; in turn with one that never does. Goodput is what it sent in half a second.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from perf.figures import spread
from perf.goodput import Course, Sample, pull
from perf.program import leave, parse
from perf.report.numbers import with_range
from perf.steady_memory import steady_memory
from perf.stock import stock_image
from perf.workload import Shape
from tests.servers import OriginOptions

_SHAPE = Shape(blobs=4, blob_size="512MiB")
_BYTES_PER_SECOND = 300_000_000
_THROTTLED = OriginOptions(
    total_bytes_per_second=_BYTES_PER_SECOND, refused_share=0.3, refused_seconds=2.0
)
_CLEAN = OriginOptions(total_bytes_per_second=_BYTES_PER_SECOND)
_LOOK_SECONDS = 0.5
_BACK = 0.9


def main() -> None:
    given = parse(__doc__)
    image = stock_image(_SHAPE, given.cache)
    found = []
    with steady_memory(image):
        for number in range(given.rounds + 1):
            clean = pull(image, _CLEAN, given.cache)
            throttled = pull(image, _THROTTLED, given.cache)
            if number:
                found.append(seconds_until_back(clean, throttled))
                print(
                    f"round {number}: {throttled.refused} refusals, back after {found[-1]:.2f} s",
                    flush=True,
                )
    leave(given, {"back after, s": with_range(spread(found), 2)}, {"seconds": found})


def seconds_until_back(clean: Course, throttled: Course) -> float:
    """From the last refusal until goodput was at 0.9 of the clean run's."""

    def goodput(course: Course, moment: float) -> float:
        return course.goodput(moment - _LOOK_SECONDS, moment)

    usual = statistics.median(goodput(clean, moment) for moment, _ in middle_of(clean.samples))
    for moment, _ in throttled.samples:
        if moment >= _THROTTLED.refused_seconds and goodput(throttled, moment) >= _BACK * usual:
            return moment - _THROTTLED.refused_seconds
    raise SystemExit("it never was as fast as before")


def middle_of(samples: Sequence[Sample]) -> Sequence[Sample]:
    return samples[len(samples) // 4 : -len(samples) // 4]


if __name__ == "__main__":
    main()
