"""boto3's transfer manager as it comes: ten requests at once over all objects, as in the AWS CLI."""

from __future__ import annotations

import boto3
from boto3.s3.transfer import TransferConfig, create_transfer_manager
from botocore.config import Config

from perf.peers.hashing import Hashing
from perf.peers.managed import move_all
from perf.peers.work import read_work


def main() -> None:
    work = read_work()
    client = boto3.client(
        "s3",
        endpoint_url=work.job.endpoint_url,
        region_name=work.job.region,
        verify=work.job.ca_bundle,
        # Where the bucket is found is no matter of speed.
        config=Config(s3={"addressing_style": "path"}),
    )
    # Else it may become the CRT's, which cannot be pointed at an endpoint.
    config = TransferConfig(preferred_transfer_client="classic")
    move_all(work, create_transfer_manager(client, config), Hashing(work))


if __name__ == "__main__":
    main()
