"""Backend: what carries out jobs, and what each kind of it is made from.

A backend decides nothing: it starts each job at once and reports its outcome exactly once, from
any thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from s3lo.engine.jobs import Job, Outcome
from s3lo.model.objects import Credentials, Endpoint

Report = Callable[[Outcome], None]


class Backend(Protocol):
    def start(self, job: Job, report: Report) -> None:
        """Begin the job; ``report`` is called once with its outcome."""

    def cancel(self, job_id: int) -> None:
        """Give a job up; its outcome, whichever it is, is still reported."""

    def renew(self, credentials: Credentials | None) -> None:
        """Sign with these from now on."""

    def carried_bytes(self) -> int:
        """By the network so far, of jobs that still run too; 0 where that is not counted."""

    def connections(self) -> int:
        """Over which anything of a body has moved; 0 where that is not counted."""

    def close(self) -> None:
        """Drop connections and threads. Jobs still running may never report."""


class NativeConfig(Struct, frozen=True):
    """An S3 endpoint reached through awscrt. The defaults serve documents and small images."""

    endpoint: Endpoint
    credentials: Credentials | None
    connections: int = 25
    threads: int = 2
    part_size_bytes: int = 8 << 20
    interfaces: tuple[str, ...] = ()


class SocketConfig(Struct, frozen=True):
    """An S3 endpoint reached over sockets of our own."""

    endpoint: Endpoint
    credentials: Credentials | None
    hash_threads: int = 2
    interfaces: tuple[str, ...] = ()
    is_direct: bool = False
    """What is received is written past the page cache."""


class LocalConfig(Struct, frozen=True):
    """A local store's root directory."""

    root: str
    threads: int = 4


BackendConfig = NativeConfig | SocketConfig | LocalConfig
