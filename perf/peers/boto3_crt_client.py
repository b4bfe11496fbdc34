"""boto3's transfer manager on the CRT, made by hand.

``TransferConfig(preferred_transfer_client="crt")`` cannot be pointed anywhere: boto3 (1.44) makes
that client with TLS always on and no CA of the caller's, and drops the ``endpoint_url`` of the
client it is given, so that the requests go to AWS. Made here, the same classes take all three, as
they do for the AWS CLI. Their throughput target stays: by the instance type, else 10 Gbit/s. The
lock that keeps boto3 to one such client on a machine is not asked for: where it is taken, boto3
falls back to the classic manager without a word.
"""

from __future__ import annotations

import botocore.session
from botocore.config import Config
from s3transfer.crt import (
    BotocoreCRTCredentialsWrapper,
    BotocoreCRTRequestSerializer,
    CRTTransferManager,
    create_s3_crt_client,
)

from perf.contender import Job
from perf.peers.hashing import Hashing
from perf.peers.managed import move_all
from perf.peers.work import read_work


def main() -> None:
    work = read_work()
    move_all(work, _manager(work.job), Hashing(work))


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
