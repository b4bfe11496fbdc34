"""boto3's transfer manager on the CRT, made by hand.

``TransferConfig(preferred_transfer_client="crt")`` cannot be pointed anywhere: boto3 (1.44) makes
that client with TLS always on, with no CA of the caller's, and lets go of the ``endpoint_url`` of
the client it is given, so that the requests go to AWS. The same classes take both when made here;
this is what the AWS CLI does. A process has one client, so the lock
that keeps boto3 to one on a machine is not asked for: without it boto3 would fall back to the
classic manager in every process but the first.
"""

from __future__ import annotations

from typing import Any

import botocore.session
from botocore.config import Config
from s3transfer.crt import (
    BotocoreCRTCredentialsWrapper,
    BotocoreCRTRequestSerializer,
    CRTTransferManager,
    create_s3_crt_client,
)
from s3transfer.subscribers import BaseSubscriber

from perf.contender import Job
from perf.peers.hashing import Hashing
from perf.peers.work import Item, read_work

_TARGET_BYTES_PER_SECOND = 12_500_000_000
"""100 Gbit/s: the client opens its connections by this."""


class _Done(BaseSubscriber):  # type: ignore[misc]
    """Hands a file on as soon as it has its name."""

    def __init__(self, hashing: Hashing, item: Item) -> None:
        self._hashing = hashing
        self._item = item

    def on_done(self, **_: Any) -> None:
        self._hashing.pulled(self._item)


def main() -> None:
    work = read_work()
    hashing = Hashing(work)
    bucket = work.job.bucket
    with _manager(work.job) as manager:
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


def _manager(job: Job) -> CRTTransferManager:
    session = botocore.session.get_session()
    credentials = BotocoreCRTCredentialsWrapper(session.get_credentials())
    client = create_s3_crt_client(
        job.region,
        crt_credentials_provider=credentials.to_crt_credentials_provider(),
        target_throughput=_TARGET_BYTES_PER_SECOND,
        use_ssl=job.endpoint_url.startswith("https:"),
        verify=job.ca_bundle,
    )
    serializer = BotocoreCRTRequestSerializer(
        session,
        {
            "region_name": job.region,
            "endpoint_url": job.endpoint_url,
            "config": Config(s3={"addressing_style": "path"}),
        },
    )
    return CRTTransferManager(client, serializer)


if __name__ == "__main__":
    main()
