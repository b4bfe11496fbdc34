"""Managed: a job done by one of s3transfer's managers, all objects at once."""

from __future__ import annotations

from typing import Any

from s3transfer.subscribers import BaseSubscriber

from perf.peers.hashing import Hashing
from perf.peers.work import Item, Work


class _Done(BaseSubscriber):  # type: ignore[misc]
    """Hands a file on as soon as it has its name."""

    def __init__(self, hashing: Hashing, item: Item) -> None:
        self._hashing = hashing
        self._item = item

    def on_done(self, **_: Any) -> None:
        self._hashing.pulled(self._item)


def move_all(work: Work, manager: Any, hashing: Hashing) -> None:
    """Wait for all of it; raises what the manager raised for the first that failed."""
    bucket = work.job.bucket
    with manager:
        if work.is_pull:
            futures = [
                manager.download(bucket, item.key, item.path, subscribers=[_Done(hashing, item)])
                for item in work.items
            ]
        else:
            futures = [manager.upload(item.path, bucket, item.key) for item in work.items]
        for future in futures:
            future.result()
    hashing.finish()
