"""Check: whether a run did the whole job; work that is not equal is not compared."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from awscrt.checksums import crc32c

from perf.contender import Blob
from perf.stock import BUCKET, StockImage
from tests.servers.origin import UploadedObject

_PIECE_BYTES = 4 << 20


class WrongResult(Exception):
    """A run whose output is not what the job asked for."""


def check_pulled(out: Path, image: StockImage) -> None:
    """Every blob is a file with the content that the origin serves, byte by byte."""

    def compare(blob: Blob) -> None:
        found = out / blob.key
        if not found.is_file():
            raise WrongResult(f"{found} is not there")
        if not _same_content(found, image.path(blob)):
            raise WrongResult(f"{found} has the wrong content")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(compare, image.blobs))


def _same_content(found: Path, expected: Path) -> bool:
    if found.stat().st_size != expected.stat().st_size:
        return False
    with open(found, "rb") as a, open(expected, "rb") as b:
        while piece := a.read(_PIECE_BYTES):
            if piece != b.read(_PIECE_BYTES):
                return False
    return True


def check_pushed(objects: Mapping[str, UploadedObject], image: StockImage) -> None:
    """Every blob is an object; its size and CRC-32C, counted by the origin as the bytes came in,
    are those of the file."""
    for blob in image.blobs:
        key = f"{BUCKET}/{blob.key}"
        found = objects.get(key)
        if found is None:
            raise WrongResult(f"{key} was not uploaded")
        if found != _uploaded_from(image.path(blob)):
            raise WrongResult(f"{key} was uploaded with the wrong content")


@cache
def _uploaded_from(path: Path) -> UploadedObject:
    with open(path, "rb") as file:
        return summed(file.read)


def summed(read: Callable[[int], bytes]) -> UploadedObject:
    """Size and CRC-32C of what a function of a number of bytes gives, to its end."""
    size = checksum = 0
    while piece := read(_PIECE_BYTES):
        size += len(piece)
        checksum = crc32c(piece, checksum)
    return UploadedObject(size, checksum)


def check_loaded(docker_host: str, image: StockImage) -> None:
    """The daemon has the image: its id is the config's digest, its layers are the config's."""
    id_ = image.manifest["config"]["digest"]
    done = docker(docker_host, "image", "inspect", id_)
    if done.returncode:
        raise WrongResult(f"the daemon has no image {id_}: {done.stderr.strip()}")
    config = json.loads(image.path(Blob(id_.removeprefix("sha256:"), 0)).read_text())
    found: list[dict[str, Any]] = json.loads(done.stdout)
    if found[0]["RootFS"]["Layers"] != config["rootfs"]["diff_ids"]:
        raise WrongResult(f"the daemon's image {id_} has other layers")


def docker(host: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the docker command against a daemon."""
    command = ["docker", "--host", host, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)
