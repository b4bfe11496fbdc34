"""A verified pull of 4 x 1 GiB against awscrt alone and sha256sum, interleaved, as a ratio.

    python -m perf.pull_large [--rounds 5] [--json FILE]

Both get the same objects from nginx on loopback and end with the same files, hashed. The peer is
what a user could write in ten lines: one awscrt client downloads the objects whole, side by side,
then ``sha256sum`` runs over the files, two at a time. Before each run the page cache holds the
origin's files, the last run's output is gone and the disk is idle (``sync``); the first round is
not counted.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

from tests.servers import Nginx

MIB = 1 << 20
_PEER = """
import sys
from awscrt.http import HttpHeaders, HttpRequest
from awscrt.s3 import S3Client, S3RequestTlsMode, S3RequestType
host, out, *keys = sys.argv[1:]
client = S3Client(region="us-east-1", tls_mode=S3RequestTlsMode.DISABLED)
requests = [
    client.make_request(
        type=S3RequestType.GET_OBJECT,
        request=HttpRequest("GET", "/bucket/" + key, HttpHeaders([("host", host)])),
        recv_filepath=out + "/" + key.rpartition("/")[2],
    )
    for key in keys
]
for request in requests:
    request.finished_future.result()
"""


@dataclass(frozen=True)
class Run:
    """One counted run: wall seconds, and the most that all its processes held at one moment."""

    seconds: float
    peak_rss_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--blob-mib", type=int, default=1024)
    parser.add_argument("--json", type=Path)
    parser.add_argument("arguments", nargs="*", help="more arguments for s3lo pull")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="s3lo-perf-") as directory:
        root = Path(directory)
        digests = make_bucket(root / "served" / "bucket", given.blob_mib * MIB)
        with Nginx(root / "served") as nginx:
            runs, report = compare(nginx.url, root, digests, given.rounds, given.arguments)
    tell(runs, report)
    if given.json:
        result = {name: [asdict(run) for run in each] for name, each in runs.items()}
        document = {"machine": machine(), "runs": result, "engine": report}
        given.json.write_text(json.dumps(document, indent=2) + "\n")


def machine() -> dict[str, object]:
    """Where and when this was measured, for whoever reads the figures later."""
    cpus = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = next((x.partition(": ")[2] for x in cpus.splitlines() if "model name" in x), "")
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": model,
        "cpus": os.cpu_count(),
        "sha_ni": " sha_ni" in cpus,
        "memory_gib": round(psutil.virtual_memory().total / (1 << 30)),
        "kernel": os.uname().release,
        "python": sys.version.split()[0],
        "awscrt": version("awscrt"),
    }


def make_bucket(bucket: Path, blob_bytes: int, blobs: int = 4) -> list[str]:
    """A store directory with one image of incompressible blobs; gives their digests."""
    target = bucket / "blobs" / "sha256"
    target.mkdir(parents=True)
    digests = [_random_blob(target, blob_bytes) for _ in range(blobs)]
    config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": []}})
    config_digest = hashlib.sha256(config.encode()).hexdigest()
    (target / config_digest).write_text(config)
    oci = "application/vnd.oci.image"
    layers = [
        {"mediaType": f"{oci}.layer.v1.tar+gzip", "digest": f"sha256:{d}", "size": blob_bytes}
        for d in digests
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{oci}.manifest.v1+json",
        "config": {
            "mediaType": f"{oci}.config.v1+json",
            "digest": f"sha256:{config_digest}",
            "size": len(config),
        },
        "layers": layers,
    }
    tag = bucket / "manifests" / "large" / "v1"
    tag.mkdir(parents=True)
    (tag / "manifest.json").write_text(json.dumps(manifest))
    return digests


def _random_blob(directory: Path, size: int) -> str:
    digest = hashlib.sha256()
    draft = directory / "draft"
    with open(draft, "wb") as file:
        for start in range(0, size, 8 * MIB):
            piece = os.urandom(min(8 * MIB, size - start))
            digest.update(piece)
            file.write(piece)
    draft.rename(directory / digest.hexdigest())
    return digest.hexdigest()


def compare(
    url: str, root: Path, digests: Sequence[str], rounds: int, arguments: Sequence[str]
) -> tuple[dict[str, list[Run]], dict[str, object]]:
    """Run both in turn, checking what each produced; the first round is thrown away."""
    runs: dict[str, list[Run]] = {"s3lo": [], "awscrt+sha256sum": []}
    report: dict[str, object] = {}
    for number in range(rounds + 1):
        for name in runs:
            out = root / "out"
            shutil.rmtree(out, ignore_errors=True)
            subprocess.run(["sync"], check=True)
            if name == "s3lo":
                run, report = _pull(url, out, arguments)
                check(out / "blobs" / "sha256", digests)
            else:
                out.mkdir()
                run = _peer(url, out, digests)
                check(out, digests)
            if number:
                runs[name].append(run)
    return runs, report


def _pull(url: str, out: Path, arguments: Sequence[str]) -> tuple[Run, dict[str, object]]:
    command = [
        *(sys.executable, "-m", "s3lo", "pull", "s3://bucket/large:v1", "--to", f"oci:{out}"),
        *("--endpoint-url", url, "--no-sign-request", "-o", "json", *arguments),
    ]
    run, output = measure(command)
    return run, json.loads(output)["engine"]


def _peer(url: str, out: Path, digests: Sequence[str]) -> Run:
    keys = " ".join(f"blobs/sha256/{digest}" for digest in digests)
    names = "\\n".join(digests)
    host = url.partition("://")[2]
    script = f"""
    "$0" -c "$1" {host} {out} {keys} && cd {out} &&
    printf '{names}\\n' | xargs -P 2 -n 1 sha256sum
    """
    run, output = measure(["sh", "-ec", script, sys.executable, _PEER])
    assert len(output.splitlines()) == len(digests), "the peer hashed too few files"
    return run


def measure(command: Sequence[str]) -> tuple[Run, str]:
    """Run a command to its end; its memory is that of its whole process tree, sampled."""
    started_at = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        peak = _Peak(process.pid)
        output, _ = process.communicate()
        seconds = time.monotonic() - started_at
    if process.returncode:
        raise SystemExit(f"{command[0]} failed with {process.returncode}")
    return Run(seconds, peak.stop()), output


class _Peak(threading.Thread):
    """Samples the resident memory of a process and all below it, 20 times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._peak = 0
        self._ended = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.05):
            self._peak = max(self._peak, _resident_bytes(self._pid))

    def stop(self) -> int:
        self._ended.set()
        self.join()
        return self._peak


def _resident_bytes(pid: int) -> int:
    total = 0
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def check(directory: Path, digests: Sequence[str]) -> None:
    """Both must have done the same work: every file there, with the right content."""
    for digest in digests:
        with open(directory / digest, "rb") as file:
            found = hashlib.sha256()
            while piece := file.read(8 * MIB):
                found.update(piece)
        assert found.hexdigest() == digest, f"{digest} is damaged"


def tell(runs: dict[str, list[Run]], report: dict[str, object]) -> None:
    ours, peer = runs["s3lo"], runs["awscrt+sha256sum"]
    for name, each in runs.items():
        walls = sorted(run.seconds for run in each)
        peak = max(run.peak_rss_bytes for run in each)
        print(
            f"{name:18} median {statistics.median(walls):6.2f} s"
            f"  ({walls[0]:.2f} to {walls[-1]:.2f})  peak {peak / MIB:.0f} MiB"
        )
    ratios = sorted(a.seconds / b.seconds for a, b in zip(ours, peer, strict=True))
    print(
        f"ratio              median {statistics.median(ratios):6.2f}"
        f"    ({ratios[0]:.2f} to {ratios[-1]:.2f}), {len(ratios)} rounds, paired"
    )
    print("engine            ", json.dumps(report))


if __name__ == "__main__":
    main()
