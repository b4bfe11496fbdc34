"""Slowed: s3lo with an engine that takes a given share longer, for trying the gate.

    python -m perf.slowed 0.15 pull ...

After each transfer the engine rests for that share of the time that the transfer took.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from s3lo.engine.parallel import ParallelEngine


def main() -> None:
    share = float(sys.argv.pop(1))
    for verb in ("download", "upload"):
        setattr(ParallelEngine, verb, _slower(getattr(ParallelEngine, verb), share))
    from s3lo.cli.main import main as command

    command()


def _slower(transfer: Callable[..., Any], share: float) -> Callable[..., Any]:
    def slower(*given: Any, **named: Any) -> Any:
        started_at = time.monotonic()
        report = transfer(*given, **named)
        time.sleep(share * (time.monotonic() - started_at))
        return report

    return slower


if __name__ == "__main__":
    main()
