"""Gate trial: how often the gate is right, on this machine, with the answer known.

    python -m perf.gate_trial --slowed 10 --unchanged 20 --log perf/results/gate-trial.jsonl

The old tree is the last commit. The new one is the same code, as it is or with an engine that takes
15% longer. Each run is a whole smoke run and one line of the log.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import asdict
from pathlib import Path

from perf.gate import Verdict
from perf.machine import read_machine
from perf.s3lo_command import S3lo, describe_commit, tree_of
from perf.smoke import compare
from perf.stock import default_cache

SLOWED_SHARE = 0.15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--slowed", type=int, default=10)
    parser.add_argument("--unchanged", type=int, default=20)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=default_cache())
    given = parser.parse_args()
    # Mixed, so that an hour with loud neighbours is not all of one kind.
    kinds = ["slowed"] * given.slowed + ["unchanged"] * given.unchanged
    random.Random(1).shuffle(kinds)
    with tree_of("HEAD") as old, tree_of("HEAD") as new, open(given.log, "w") as log:
        machine = asdict(read_machine(given.cache))
        log.write(json.dumps({"machine": machine, "commit": describe_commit("HEAD")}) + "\n")
        for number, kind in enumerate(kinds, 1):
            log.write(json.dumps(trial(kind, new, old, given.cache)) + "\n")
            log.flush()
            print(f"{number} of {len(kinds)}: {kind}", flush=True)
    print(count(given.log))


def trial(kind: str, new: Path, old: Path, cache: Path) -> dict[str, object]:
    """One smoke run, and whether it raised the alarm."""
    module = ("perf.slowed", str(SLOWED_SHARE)) if kind == "slowed" else S3lo.module
    started_at = time.monotonic()
    findings = compare(S3lo("s3lo", new, module), S3lo("baseline", old), cache, print)
    return {
        "kind": kind,
        "alarm": any(found.verdict is Verdict.REGRESSION for found in findings),
        "seconds": round(time.monotonic() - started_at, 1),
        "findings": {
            found.workload: {
                "verdict": found.verdict.value,
                "ratio": round(found.estimate.ratio, 4),
                "lower": round(found.estimate.lower, 4),
                "upper": round(found.estimate.upper, 4),
                "ratios": [round(ratio, 4) for ratio in found.ratios],
            }
            for found in findings
        },
    }


def count(log: Path) -> str:
    """The log in one line."""
    trials = [json.loads(line) for line in log.read_text().splitlines()[1:]]
    alarms = {
        kind: [each["alarm"] for each in trials if each["kind"] == kind]
        for kind in ("slowed", "unchanged")
    }
    return ", ".join(f"{kind}: {sum(a)} alarms in {len(a)} runs" for kind, a in alarms.items())


if __name__ == "__main__":
    main()
