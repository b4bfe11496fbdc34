"""obstore: ranges in a thread pool, written where they belong; uploads by its own multipart."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.store import S3Store

from perf.contender import Job
from perf.peers.hashing import Hashing
from perf.peers.work import Item, read_work

_PART_BYTES = 8 << 20
_RANGES = 64
_UPLOADS = 8


def main() -> None:
    work = read_work()
    hashing = Hashing(work)
    store = store_of(work.job)
    if work.is_pull:
        _pull(store, work.items, hashing)
    else:
        _push(store, work.items)
    hashing.finish()


def store_of(job: Job) -> Any:
    """The bucket of a job."""
    options: dict[str, Any] = {
        "allow_http": True,
        # Of a whole request, its body included; the default of 30 s is short for a slow link.
        "timeout": timedelta(minutes=10),
    }
    if job.ca_bundle:
        options["root_certificate"] = Path(job.ca_bundle).read_bytes()
    return S3Store(
        job.bucket,
        endpoint=job.endpoint_url,
        region=job.region,
        virtual_hosted_style_request=False,
        # Else SHA-256 of every byte once more, over plain HTTP.
        unsigned_payload=True,
        client_options=options,  # type: ignore[arg-type]
    )


def _pull(store: Any, items: tuple[Item, ...], hashing: Hashing) -> None:
    """All ranges in order of the files; a file is handed on when its ranges are written."""
    with ThreadPoolExecutor(_RANGES) as pool:
        pulls = [
            (item, [pool.submit(_get_part, store, item, start) for start in _starts(item)])
            for item in items
        ]
        for item, parts in pulls:
            for part in parts:
                part.result()
            hashing.pulled(item)


def _starts(item: Item) -> range:
    return range(0, item.size, _PART_BYTES)


def _get_part(store: Any, item: Item, start: int) -> None:
    end = min(start + _PART_BYTES, item.size)
    left = memoryview(obstore.get_range(store, item.key, start=start, end=end))
    # Opened for each part: an image may have more blobs than a process may have open files.
    file = os.open(item.path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        while left:
            written = os.pwrite(file, left, start)
            left, start = left[written:], start + written
    finally:
        os.close(file)


def _push(store: Any, items: tuple[Item, ...]) -> None:
    def put(item: Item) -> None:
        obstore.put(store, item.key, Path(item.path), chunk_size=_PART_BYTES)

    with ThreadPoolExecutor(_UPLOADS) as pool:
        list(pool.map(put, items))


if __name__ == "__main__":
    main()
