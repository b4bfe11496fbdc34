"""awscrt's S3 client: every object as one request, all at once, from and to files.

    awscrt_client JOB.json [TARGET_GBPS]

The client opens 2.5 connections a Gbit/s of its target, and never more when they are slow: a low
target stays below a network of slow connections, and a high one costs memory and half of the speed
where the machine is the limit. Without a target it is told nothing, as most of its users have it: it
opened 25.
"""

from __future__ import annotations

import sys
from concurrent.futures import as_completed
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from awscrt.auth import AwsCredentialsProvider
from awscrt.http import HttpHeaders, HttpRequest
from awscrt.io import ClientTlsContext, TlsContextOptions
from awscrt.s3 import S3Client, S3RequestTlsMode, S3RequestType, create_default_s3_signing_config

from perf.contender import Job
from perf.peers.hashing import Hashing
from perf.peers.work import Item, read_work

_PART_BYTES = 8 << 20
"""As the AWS CLI and boto3 set it; left alone, the client takes more memory and is slower."""


def main() -> None:
    work = read_work()
    hashing = Hashing(work)
    client = _client(work.job)
    ask = partial(_get, client, work.job) if work.is_pull else partial(_put, client, work.job)
    items = {ask(item).finished_future: item for item in work.items}
    for finished in as_completed(items):
        finished.result()
        if work.is_pull:
            hashing.pulled(items[finished])
    hashing.finish()


def _client(job: Job) -> S3Client:
    provider = AwsCredentialsProvider.new_environment()
    plain = urlsplit(job.endpoint_url).scheme == "http"
    target_gbps = float(sys.argv[2]) if len(sys.argv) > 2 else None
    tls = None
    if job.ca_bundle:
        options = TlsContextOptions()
        options.override_default_trust_store_from_path(ca_filepath=job.ca_bundle)
        tls = ClientTlsContext(options).new_connection_options()
    return S3Client(
        region=job.region,
        tls_mode=S3RequestTlsMode.DISABLED if plain else S3RequestTlsMode.ENABLED,
        tls_connection_options=tls,
        signing_config=create_default_s3_signing_config(
            region=job.region, credential_provider=provider
        ),
        part_size=_PART_BYTES if target_gbps else None,
        throughput_target_gbps=target_gbps,
    )


def _get(client: S3Client, job: Job, item: Item) -> Any:
    request = HttpRequest("GET", f"/{job.bucket}/{item.key}", HttpHeaders(_host(job)))
    return client.make_request(
        type=S3RequestType.GET_OBJECT, request=request, recv_filepath=item.path
    )


def _put(client: S3Client, job: Job, item: Item) -> Any:
    headers = [*_host(job), ("content-length", str(item.size))]
    request = HttpRequest("PUT", f"/{job.bucket}/{item.key}", HttpHeaders(headers))
    return client.make_request(
        type=S3RequestType.PUT_OBJECT, request=request, send_filepath=item.path
    )


def _host(job: Job) -> list[tuple[str, str]]:
    return [("host", urlsplit(job.endpoint_url).netloc)]


if __name__ == "__main__":
    main()
