"""Contender: one way of doing a job, as a command that runs from start to exit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, Protocol

BLOBS = "blobs/sha256"


@dataclass(frozen=True)
class Blob:
    """A blob of the image."""

    hex: str
    size: int

    @property
    def key(self) -> str:
        """Of its object in the bucket, and where its file lies in a layout."""
        return f"{BLOBS}/{self.hex}"


@dataclass(frozen=True)
class Job:
    """What one contender has to do in one run: what to move, from where, to where.

    A pull ends with every blob of the image at ``out/blobs/sha256/<hex>`` (or, where ``docker_host``
    is given, with the image in that daemon). A push reads ``layout`` and ends with every blob as an
    object ``blobs/sha256/<hex>`` of the bucket. Where it is ``verified``, the command fails unless
    the SHA-256 of every blob's content equals its name.
    """

    action: Literal["pull", "push"]
    verified: bool
    endpoint_url: str
    bucket: str
    region: str
    image: str
    """``name:tag`` in the bucket."""
    blobs: tuple[Blob, ...]
    layout: str
    """An OCI layout that holds the image: what a push reads."""
    out: str
    """A directory that is not there yet, where a pull writes."""
    cpus: int
    ca_bundle: str | None = None
    registry_image: str | None = None
    """``host:port/name:tag`` in a registry on plain HTTP; the same blobs."""
    docker_host: str | None = None

    @property
    def total_bytes(self) -> int:
        return sum(blob.size for blob in self.blobs)

    @property
    def files(self) -> Path:
        """The directory of the blobs that a pull writes or a push reads."""
        return Path(self.out if self.action == "pull" else self.layout) / BLOBS

    def largest_first(self) -> list[Blob]:
        """What is long must not start last."""
        return sorted(self.blobs, key=lambda blob: -blob.size)

    def save(self, path: Path) -> None:
        """Write it as JSON for a peer in another process."""
        path.write_text(json.dumps(asdict(self)))


@dataclass(frozen=True)
class Command:
    """What is run and timed: arguments, and variables beside those of the environment."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


class Unsuited(Exception):
    """A job that this contender cannot do; the message says why."""


class Contender(Protocol):
    """One way of doing a job."""

    @property
    def name(self) -> str: ...

    def version(self) -> str:
        """What is compared, for the report; raises Missing where it is not installed."""

    def command(self, job: Job, scratch: Path) -> Command:
        """The whole job as one command; ``scratch`` is a directory for files that it needs.

        Raises Unsuited where it cannot do the job.
        """
