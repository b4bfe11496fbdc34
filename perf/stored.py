"""Stored: what a program has put into an origin, compared with what it should be."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence

from perf.check import WrongResult
from perf.stock import BUCKET
from tests.servers import Origin


def timed(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[float, str]:
    """How many seconds a command takes, and what it says; raises where it fails."""
    started_at = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    return time.perf_counter() - started_at, done.stdout.decode(errors="replace")


def check_stored(origin: Origin, tag: str, image_id: str) -> list[int]:
    """Sizes of the layers of ``app:tag``; raises WrongResult unless all of the image is there and what
    its names say."""

    def get(key: str) -> bytes:
        with urllib.request.urlopen(f"{origin.url}/{BUCKET}/{key}") as answer:
            content: bytes = answer.read()
        return content

    manifest = json.loads(get(f"manifests/app/{tag}/manifest.json"))
    if manifest["config"]["digest"] != image_id:
        raise WrongResult(f"{tag} is another image")
    for blob in (manifest["config"], *manifest["layers"]):
        hex_ = blob["digest"][7:]
        if hashlib.sha256(get(f"blobs/sha256/{hex_}")).hexdigest() != hex_:
            raise WrongResult(f"{blob['digest']} was stored with another content")
    return [layer["size"] for layer in manifest["layers"]]
