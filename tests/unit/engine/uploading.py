"""Uploading: the work of uploads as their tests drive it, with no worker and no store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from s3lo.engine import plan
from s3lo.engine.jobs import (
    Done,
    Failed,
    Job,
)
from s3lo.engine.machine import Machine
from s3lo.engine.options import EngineOptions
from s3lo.engine.plan import GIB, MIB
from s3lo.engine.settings import choose
from s3lo.engine.transfers import Upload
from s3lo.engine.upload.uploads import Uploads
from s3lo.engine.verifier import Verifier
from s3lo.errors import (
    S3loError,
)
from s3lo.events import ignore
from s3lo.model.digest import Digest

PART = 5 * MIB
CLASS = ("x-amz-storage-class", "INTELLIGENT_TIERING")
TYPE = ("content-type", "application/octet-stream")
SETTINGS = choose(EngineOptions(part_size_bytes=PART), Machine(2, 24 * GIB), GIB, on_sockets=False)


class Position(Verifier):
    """A verifier that has hashed as far as a test says."""

    def __init__(self) -> None:
        super().__init__(1, lambda _: None)
        self.bytes = 0

    def add(
        self, blob: int, path: str, size: int, offset: int = 0, *, tells: bool = False
    ) -> None: ...

    def position(self, blob: int) -> int:
        del blob
        return self.bytes


class Stored(list[plan.Stretch]):
    """What an upload was told to be stored: offsets and lengths."""

    def __call__(self, offset: int, length: int) -> None:
        self.append((offset, length))


def upload(size: int, stored: Stored | None = None, *, is_verified: bool = True) -> Upload:
    digest = Digest.of(str(size).encode())
    return Upload(
        digest,
        size,
        f"key-{size}",
        Path("file"),
        is_verified=is_verified,
        stored=Stored() if stored is None else stored,
    )


def uploads(
    *blobs: Upload,
    more_come: bool = False,
    verifier: Verifier | None = None,
    on_sockets: bool = False,
) -> Uploads:
    return Uploads(
        blobs,
        SETTINGS,
        verifier or Position(),
        ignore,
        on_sockets=on_sockets,
        more_come=more_come,
        resumes=False,
    )


def jobs_of(work: Uploads) -> list[Job]:
    """All that may start now."""
    return list(iter(work.next_job, None))


def fulfil(work: Uploads, jobs: Iterable[Job]) -> None:
    for job in jobs:
        work.done(job, Done(job.id, "id or etag"))


def fails(work: Uploads, job: Job, error: S3loError) -> None:
    work.failed(job, Failed(job.id, error))


def begun(work: Uploads) -> list[Job]:
    """The parts of a multipart upload, once it has begun."""
    fulfil(work, jobs_of(work))
    return jobs_of(work)
