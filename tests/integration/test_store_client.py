"""The boto3 client that s3transfer works with: same endpoint, same credentials, renewed in time."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from s3lo.bucket.boto_wire import s3_client
from s3lo.model.objects import Credentials, Endpoint
from tests.servers import SeaweedS3


@pytest.fixture
def endpoint(seaweed: SeaweedS3, bucket: str, aws_env: dict[str, str]) -> Endpoint:
    assert aws_env
    return Endpoint(bucket, "us-east-1", seaweed.endpoint_url, path_style=True)


def test_it_reaches_the_bucket_with_the_credentials_given(
    seaweed: SeaweedS3, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody-else")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    client = s3_client(endpoint, lambda: Credentials(seaweed.access_key, seaweed.secret_key))
    client.put_object(Bucket=endpoint.bucket, Key="key", Body=b"body")
    assert client.get_object(Bucket=endpoint.bucket, Key="key")["Body"].read() == b"body"


def test_anonymous_requests_are_not_signed(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    signed: list[bool] = []
    client = s3_client(endpoint, lambda: None)
    client.meta.events.register(
        "before-send.s3", lambda request, **_: signed.append("Authorization" in request.headers)
    )
    with pytest.raises(client.exceptions.ClientError):
        client.get_object(Bucket=endpoint.bucket, Key="key")
    assert signed == [False]


def test_credentials_that_expire_are_asked_for_again(
    seaweed: SeaweedS3, endpoint: Endpoint
) -> None:
    def source() -> Iterator[Credentials]:
        yield Credentials("expiring", "x", expires_at=time.time() + 10)
        while True:
            later = time.time() + 3600
            yield Credentials(seaweed.access_key, seaweed.secret_key, expires_at=later)

    given = source()
    client = s3_client(endpoint, lambda: next(given))
    client.put_object(Bucket=endpoint.bucket, Key="key", Body=b"body")


def test_no_checksum_is_demanded_of_an_endpoint(seaweed: SeaweedS3, endpoint: Endpoint) -> None:
    sent: list[list[str]] = []
    client = s3_client(endpoint, lambda: Credentials(seaweed.access_key, seaweed.secret_key))
    client.meta.events.register(
        "before-send.s3", lambda request, **_: sent.append([n.lower() for n in request.headers])
    )
    client.put_object(Bucket=endpoint.bucket, Key="key", Body=b"body")
    assert not [name for name in sent[0] if "checksum" in name or "trailer" in name]
