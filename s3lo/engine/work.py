"""Work: what a transfer consists of, as the coordinator sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from s3lo.engine.jobs import Abort, Done, Failed, Hashed, Job
from s3lo.engine.upload.feed import Fed


class Work(Protocol):
    """See ``downloads``, ``upload.uploads`` and ``audit``."""

    @property
    def is_finished(self) -> bool: ...

    @property
    def reused_bytes(self) -> int:
        """Of what an earlier transfer that was interrupted has left."""

    def next_job(self, welcome_bytes: int = 0, interval_bytes: float = 0.0) -> Job | None:
        """Another job that may start now; parts of up to ``welcome_bytes`` are as welcome as smaller
        ones, and spare requests. ``interval_bytes``: where requests are scarce, what a connection brings
        from one that may begin to the next. None where there is none at the moment."""

    def take_back(self, job: Job) -> bool:
        """One that was refused may come as another, larger part; whether it will."""

    def done(self, job: Job, outcome: Done) -> None: ...

    def failed(self, job: Job, failed: Failed) -> None:
        """It failed for good: go on without it, or raise its error."""

    def hashed(self, result: Hashed) -> None: ...

    def fed(self, news: Fed) -> None:
        """There is more to do than was known at first; or there will be no more."""

    def again(self, job: Job, failed: Failed | None) -> Job | None:
        """The job as it is to be tried again after it failed, or (None) was lost with its worker;
        nothing where it is of no more use."""

    def homeless(self, blobs: Sequence[int]) -> None:
        """The worker that hashed these blobs is gone."""

    def abandon(self) -> list[Abort]:
        """What must be undone in the store when the transfer ends early."""
