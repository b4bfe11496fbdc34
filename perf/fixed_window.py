"""Fixed window: s3lo with as many parts in flight as it is told, from the first to the last.

    python -m perf.fixed_window 100 pull ...

What the tuner finds is compared with the best of these.
"""

from __future__ import annotations

import sys

from s3lo.engine.sample import Standing
from s3lo.engine.tuner import Tuner


def main() -> None:
    width = int(sys.argv.pop(1))

    def hold(tuner: Tuner, standing: Standing, is_full: bool) -> None:
        del standing, is_full
        tuner.width = width

    setattr(Tuner, "observe", hold)  # noqa: B010 - mypy lets no method be assigned
    from s3lo.cli.main import main as command

    command()


if __name__ == "__main__":
    main()
