"""How long it takes to list, count, clean and examine a store of 20,000 tags and 100,000 blobs.

    python -m perf.keeping [--rounds 5] [--json FILE]

In each round, of a directory and of a bucket whose service answers every request after 20 ms:

    alone         what a listing of the tags cannot do without: one LIST request after another, and
                  nothing made of the answers; of a directory, its files looked at
    abreast       the same with as many requests at one time as there are folders: one to find them,
                  and one for each
    list          the tags; also how soon the first line is there
    stats         every manifest read
    clean         every manifest read, nothing deleted (a dry run)
    doctor        every manifest read, every blob looked for; none read

and of each how many requests it took, and what it held in memory at its most. What they say is held
against what is in the store.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from perf.check import WrongResult
from perf.figures import paired_ratio, spread
from perf.large_store import LargeStore
from perf.program import leave, parse
from perf.report.numbers import with_range
from perf.s3lo_command import HERE
from perf.setting import own_environment
from perf.stock import BUCKET
from tests.servers import Origin, OriginOptions

_SERVICE = OriginOptions(first_byte_seconds=0.02, still=True)
_FOLDER = re.compile(rb"<CommonPrefixes><Prefix>([^<]+)<")
_TOKEN = re.compile(rb"<NextContinuationToken>([^<]+)<")


@dataclass(frozen=True)
class Took:
    """Of one command; ``first`` is the second of its first line. The kernel counts into ``peak_mib`` what
    this process had when it started the command, which has to be less: some 30 MiB."""

    seconds: float
    first: float = 0.0
    requests: int = 0
    peak_mib: float = 0.0


Round = Mapping[str, Took]


def main() -> None:
    given = parse(__doc__)
    store = LargeStore()
    root = store.root(given.cache)
    found: dict[str, list[Round]] = {"local": [], "s3": []}
    with Origin(root, _SERVICE) as origin:
        for number in range(given.rounds + 1):
            for place, round_ in (("local", of_directory), ("s3", of_bucket(origin))):
                each = round_(store, root)
                print(f"round {number}, {place}: {each}", flush=True)
                if number:
                    found[place].append(each)
    summary = {
        f"{place}, {name}": text
        for place, rounds in found.items()
        for name, text in summarised(rounds).items()
    }
    shown = {
        place: [{verb: asdict(took) for verb, took in each.items()} for each in rounds]
        for place, rounds in found.items()
    }
    leave(given, summary, {"store": asdict(store), **shown})


def of_directory(store: LargeStore, root: Path) -> Round:
    started_at = time.perf_counter()
    walked = (os.stat(entry) for entry in _files(root / BUCKET / "manifests"))
    if sum(1 for _ in walked) != 2 * store.tags:
        raise WrongResult("the store is not as it was made")
    alone = Took(time.perf_counter() - started_at)
    return {"alone": alone, **_verbs(store, f"local://{root / BUCKET}/", (), lambda: 0)}


def of_bucket(origin: Origin) -> Callable[[LargeStore, Path], Round]:
    def requests() -> int:
        count = origin.counters().requests_total
        origin.clear()
        return count

    def round_(store: LargeStore, root: Path) -> Round:
        del root
        requests()
        started_at = time.perf_counter()
        _list_alone(origin)
        alone = Took(time.perf_counter() - started_at, requests=requests())
        started_at = time.perf_counter()
        _list_abreast(origin)
        abreast = Took(time.perf_counter() - started_at, requests=requests())
        reaching = ("--endpoint-url", origin.url)
        verbs = _verbs(store, f"s3://{BUCKET}/", reaching, requests)
        return {"alone": alone, "abreast": abreast, **verbs}

    return round_


def _verbs(
    store: LargeStore, url: str, reaching: Sequence[str], requests: Callable[[], int]
) -> Round:
    """Each verb once, and what it said compared with what is there."""

    def run(*verb: str, output: str = "json") -> tuple[Took, bytes]:
        took, said = _run((*verb, url, *reaching, "--progress", "none", "-o", output))
        return Took(took.seconds, took.first, requests(), took.peak_mib), said

    listed, lines = run("list", output="text")
    counted, counts = run("stats")
    cleaned, condemned = run("clean")
    examined, diagnosis = run("doctor")
    _check("lines", lines.count(b"\n"), store.tags)
    _compare(json.loads(counts), {"tags": store.tags, "blobs": store.blobs, "unreadable": []})
    expected = {
        "tags_pruned": store.condemned_tags,
        "blobs_deleted": store.condemned_blobs,
        "dry_run": True,
        "errors": [],
    }
    _compare(json.loads(condemned), expected)
    _check("healthy", json.loads(diagnosis)["healthy"], True)
    return {"list": listed, "stats": counted, "clean": cleaned, "doctor": examined}


def _run(arguments: Sequence[str]) -> tuple[Took, bytes]:
    """A command of ours, which must succeed, and what it wrote."""
    started_at = time.perf_counter()
    command = subprocess.Popen(
        [sys.executable, "-m", "s3lo", *arguments],
        env={**own_environment(), "PYTHONPATH": str(HERE)},
        stdout=subprocess.PIPE,
    )
    assert command.stdout is not None
    with command.stdout as stdout:
        line = stdout.readline()
        first = time.perf_counter() - started_at
        rest = stdout.read()
    _, status, usage = os.wait4(command.pid, 0)
    command.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started_at
    if command.returncode:
        raise WrongResult(f"{arguments[0]} ended with {command.returncode}")
    return Took(seconds, first, peak_mib=usage.ru_maxrss / 1024), line + rest


def _list_alone(origin: Origin) -> None:
    """All pages of the tags, over one connection."""
    with closing(http.client.HTTPConnection("127.0.0.1", origin.port)) as connection:
        for _ in _pages(connection, "manifests/"):
            pass


def _list_abreast(origin: Origin) -> None:
    """The same, each folder's by itself, over a connection each."""

    def list_folder(folder: str, delimiter: str = "") -> list[bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", origin.port)) as connection:
            return list(_pages(connection, folder, delimiter))

    top = b"".join(list_folder("manifests/", "/"))
    folders = [folder.decode() for folder in _FOLDER.findall(top)]
    with ThreadPoolExecutor(max(1, len(folders))) as pool:
        for _ in pool.map(list_folder, folders):
            pass


def _pages(
    connection: http.client.HTTPConnection, prefix: str, delimiter: str = ""
) -> Iterator[bytes]:
    """One answer after another, as it came."""
    token: bytes | None = b""
    while token is not None:
        more = f"&continuation-token={quote(token, safe='')}" if token else ""
        more += f"&delimiter={quote(delimiter, safe='')}" if delimiter else ""
        path = f"/{BUCKET}?list-type=2&prefix={quote(prefix, safe='')}{more}"
        connection.request("GET", path)
        page = connection.getresponse().read()
        yield page
        found = _TOKEN.search(page)
        token = found.group(1) if found else None


def _files(directory: Path) -> Sequence[str]:
    return [os.path.join(above, name) for above, _, names in os.walk(directory) for name in names]


def _compare(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    for name, value in expected.items():
        _check(name, found[name], value)


def _check(name: str, found: object, expected: object) -> None:
    if found != expected:
        raise WrongResult(f"{name}: {found} instead of {expected}")


def summarised(rounds: Sequence[Round]) -> dict[str, str]:
    """A line each of what was measured."""

    def seconds(verb: str) -> list[float]:
        return [each[verb].seconds for each in rounds]

    lines = {
        "the listing alone, s": with_range(spread(seconds("alone")), 2),
        "list to its first line, s": with_range(spread([e["list"].first for e in rounds]), 2),
        "list to the listing alone": with_range(paired_ratio(seconds("list"), seconds("alone")), 2),
    }
    if "abreast" in rounds[0]:
        ratio = paired_ratio(seconds("list"), seconds("abreast"))
        lines["the listing abreast, s"] = with_range(spread(seconds("abreast")), 2)
        lines["list to the listing abreast"] = with_range(ratio, 2)
    for verb in rounds[0]:
        if verb not in ("alone", "abreast"):
            lines[f"{verb}, s"] = with_range(spread(seconds(verb)), 2)
            lines[f"{verb}, MiB"] = f"{max(each[verb].peak_mib for each in rounds):.0f}"
        if rounds[0][verb].requests:
            lines[f"{verb}, requests"] = str(rounds[0][verb].requests)
    return lines


if __name__ == "__main__":
    main()
