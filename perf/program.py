"""Program: what the suite's programs have in common: their options, and what they leave."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from perf.machine import read_machine
from perf.stock import default_cache


class Given(argparse.Namespace):
    """Their options."""

    rounds: int
    json: Path | None
    cache: Path


def parse(about: str | None) -> Given:
    """``about`` is the program's docstring, whose first line it shows."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where images are kept")
    return parser.parse_args(namespace=Given())


def leave(given: Given, summary: Mapping[str, str], found: Mapping[str, Any]) -> None:
    """Print the summary and, where a file was asked for, write it with all that was found and the
    machine that it was found on."""
    print("\n".join(f"{name}: {text}" for name, text in summary.items()))
    if given.json:
        machine = asdict(read_machine(given.cache))
        body = {"machine": machine, **found, "summary": summary}
        given.json.write_text(json.dumps(body, indent=2) + "\n")
