"""What the command costs before it does anything: --help beside a bare interpreter.

    python -m perf.start_up [--rounds 11]

Medians, in turn, after one round that is not counted. What a small pull costs is the workload
``pull-small``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence

from perf.figures import spread

_COMMANDS = {
    "python -c pass": (sys.executable, "-c", "pass"),
    "s3lo --help": (sys.executable, "-c", "from s3lo.cli.main import main; main()", "--help"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    walls: dict[str, list[float]] = {name: [] for name in _COMMANDS}
    for number in range(rounds + 1):
        for name, command in _COMMANDS.items():
            seconds = wall(command)
            if number:
                walls[name].append(seconds)
    for name, each in walls.items():
        found = spread(each)
        print(f"{name:16} median {found.median:.3f} s  ({found.least:.3f} to {found.most:.3f})")


def wall(command: Sequence[str]) -> float:
    """Seconds from start to exit of a command that must succeed."""
    started_at = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started_at


if __name__ == "__main__":
    main()
