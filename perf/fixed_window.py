"""Fixed window: s3lo with as many parts in flight as it is told, from the first to the last.

    python -m perf.fixed_window 100 pull ...

What the tuner finds is compared with the best of these.
"""

from __future__ import annotations

import math
import sys

from s3lo.engine import coordinator
from s3lo.engine.tuner import Tuner


def main() -> None:
    wanted = int(sys.argv.pop(1))

    class FixedWindow(Tuner):
        looks_at = math.inf

        def __init__(self, initial: int, idle: int, most: int, aim_gbps: float, cpus: int) -> None:
            super().__init__(initial, idle, most, aim_gbps, cpus)
            self.width = wanted

    setattr(coordinator, "Tuner", FixedWindow)  # noqa: B010 - mypy lets no class be assigned
    from s3lo.cli.main import main as command

    command()


if __name__ == "__main__":
    main()
