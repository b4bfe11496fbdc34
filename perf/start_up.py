"""What a small job costs from process start to exit: --help, and a pull of 5 MB in 3 blobs.

    python -m perf.start_up [--rounds 11]

The pull is verified, from nginx on loopback into an OCI layout. A bare interpreter is timed beside
them, since that is the part that is not ours. Medians, in turn, after one round that is not counted.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from perf.pull_large import make_bucket
from tests.servers import Nginx


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="s3lo-perf-") as directory:
        root = Path(directory)
        make_bucket(root / "served" / "bucket", 5_000_000 // 2, blobs=2)
        with Nginx(root / "served") as nginx:
            out = root / "out"
            s3lo = (sys.executable, "-m", "s3lo")
            commands = {
                "python -c pass": (sys.executable, "-c", "pass"),
                "s3lo --help": (*s3lo, "--help"),
                "s3lo pull (5 MB)": (
                    *(*s3lo, "pull", "s3://bucket/large:v1", "--to", f"oci:{out}"),
                    *("--endpoint-url", nginx.url, "--no-sign-request", "--quiet"),
                ),
            }
            walls: dict[str, list[float]] = {name: [] for name in commands}
            for number in range(rounds + 1):
                for name, command in commands.items():
                    shutil.rmtree(out, ignore_errors=True)
                    seconds = wall(command)
                    if number:
                        walls[name].append(seconds)
    for name, each in walls.items():
        print(
            f"{name:18} median {statistics.median(each):.3f} s  ({min(each):.3f} to {max(each):.3f})"
        )


def wall(command: Sequence[str]) -> float:
    """Seconds from start to exit of a command that must succeed."""
    started_at = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started_at


if __name__ == "__main__":
    main()
