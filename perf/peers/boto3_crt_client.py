"""boto3's transfer manager on the CRT, made by hand.

``TransferConfig(preferred_transfer_client="crt")`` cannot be pointed anywhere: boto3 (1.44) makes
that client with TLS always on and no CA of the caller's, and drops the ``endpoint_url`` of the
client it is given, so that the requests go to AWS. Made here, the same classes take all three, as
they do for the AWS CLI. Their throughput target stays: by the instance type, else 10 Gbit/s. The
lock that keeps boto3 to one such client on a machine is not asked for: where it is taken, boto3
falls back to the classic manager without a word.
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
