"""Calls: single requests to an origin, plain ones and such that fail."""

from __future__ import annotations

import http.client
import random
from typing import Any

import pytest

from tests.native.origin_clients import BUCKET
from tests.servers import Origin

CONTENT = random.Random(0).randbytes(100_000)


def ask(
    origin: Origin, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, bytes, Any]:
    """One request of our own: status, body and headers. Underscores stand for dashes."""
    connection = http.client.HTTPConnection(origin.address, origin.port, timeout=20)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def failure(call: Any, **arguments: Any) -> tuple[int, str]:
    """Status and code of the error that a call of boto3 ends with."""
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as raised:
        call(Bucket=BUCKET, **arguments)
    answer = raised.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def upload_in_parts(client: Any, key: str, parts: list[bytes], order: list[int]) -> None:
    """Upload parts in an order, the first of it twice, and complete them by number."""
    upload = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    tags = {}
    for number in [order[0], *order]:
        body = parts[number - 1]
        tags[number] = client.upload_part(
            Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number, Body=body
        )["ETag"]
    listed = [{"PartNumber": number, "ETag": tags[number]} for number in sorted(tags)]
    client.complete_multipart_upload(
        Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": listed}
    )
