"""Work: the job as a Python client reads it: pairs of a key and a path, to be moved one way."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from perf.contender import Blob, Job


@dataclass(frozen=True)
class Item:
    """An object and the file that it comes from or becomes."""

    hex: str
    key: str
    path: str
    size: int


@dataclass(frozen=True)
class Work:
    """A job and its items, the largest first: what is long must not start last."""

    job: Job
    items: tuple[Item, ...]

    @property
    def is_pull(self) -> bool:
        return self.job.action == "pull"


def read_work() -> Work:
    """What the file named by the first argument asks for; a pull's directory is made."""
    with open(sys.argv[1], encoding="utf-8") as file:
        fields = json.load(file)
    fields["blobs"] = tuple(Blob(**blob) for blob in fields["blobs"])
    job = Job(**fields)
    if job.action == "pull":
        job.files.mkdir(parents=True, exist_ok=True)
    items = [
        Item(blob.hex, blob.key, str(job.files / blob.hex), blob.size)
        for blob in job.largest_first()
    ]
    return Work(job, tuple(items))
