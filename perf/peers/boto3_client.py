"""boto3's own transfer manager: one client, its objects side by side in a thread pool."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from perf.contender import Job
from perf.peers.hashing import Hashing
from perf.peers.work import Item, read_work

_OBJECTS = 10
_CONFIG = TransferConfig(preferred_transfer_client="classic")


def main() -> None:
    work = read_work()
    hashing = Hashing(work)
    client = _client(work.job)

    def move(item: Item) -> None:
        if work.is_pull:
            client.download_file(work.job.bucket, item.key, item.path, Config=_CONFIG)
            hashing.pulled(item)
        else:
            client.upload_file(item.path, work.job.bucket, item.key, Config=_CONFIG)

    with ThreadPoolExecutor(_OBJECTS) as pool:
        list(pool.map(move, work.items))
    hashing.finish()


def _client(job: Job) -> Any:
    config = Config(
        # As many connections as objects have threads in all; the default is 10.
        max_pool_connections=_OBJECTS * _CONFIG.max_concurrency,
        retries={"mode": "standard", "max_attempts": 10},
        # Else SHA-256 of every byte once more, over plain HTTP.
        s3={"addressing_style": "path", "payload_signing_enabled": False},
    )
    return boto3.client(
        "s3",
        endpoint_url=job.endpoint_url,
        region_name=job.region,
        verify=job.ca_bundle,
        config=config,
    )


if __name__ == "__main__":
    main()
