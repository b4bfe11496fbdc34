"""Signatures are those that botocore, which nobody here wrote, makes of the same request."""

from __future__ import annotations

import calendar
import time

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from s3lo.model.objects import Credentials, Endpoint, Request
from s3lo.model.signing import signed_headers

PATH_STYLE = Endpoint("bucket", "eu-central-1", "http://127.0.0.1:9000", path_style=True)
AWS = Endpoint("my-bucket", "us-east-1")
GET = Request("GET", "GetObject", "blobs/sha256/ab")


@pytest.mark.parametrize("token", [None, "a/token+with=signs"])
@pytest.mark.parametrize(
    ("endpoint", "request_"),
    [
        (PATH_STYLE, GET),
        (AWS, GET),
        (AWS, Request("GET", "GetObject", "a key/with ~ + ü")),
        (AWS, Request("GET", "ListObjectsV2", query=(("prefix", "a/b c"), ("list-type", "2")))),
        (AWS, Request("HEAD", "HeadObject", "k", headers=(("x-amz-request-payer", "requester"),))),
    ],
)
def test_a_signature_is_the_one_that_botocore_makes(
    endpoint: Endpoint, request_: Request, token: str | None
) -> None:
    headers = dict(request_.headers)
    url = f"https://{endpoint.host}{endpoint.path(request_)}"
    theirs = AWSRequest(request_.method, url, headers=headers)
    S3SigV4Auth(BotoCredentials("ID", "secret", token), "s3", endpoint.region).add_auth(theirs)
    moment = time.strptime(theirs.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    ours = dict(
        signed_headers(
            request_, endpoint, Credentials("ID", "secret", token), calendar.timegm(moment)
        )
    )
    assert ours["authorization"].replace(" ", "") == theirs.headers["Authorization"].replace(
        " ", ""
    )
    assert ours.get("x-amz-security-token") == token


def test_an_anonymous_request_carries_no_signature() -> None:
    request = Request("GET", "GetObject", "k", headers=(("range", "bytes=0-9"),))
    assert signed_headers(request, AWS, None) == (
        ("host", "my-bucket.s3.us-east-1.amazonaws.com"),
        ("range", "bytes=0-9"),
    )
