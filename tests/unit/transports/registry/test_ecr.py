"""ECR: AWS credentials become a login of Amazon's registries, by the real boto3."""

from __future__ import annotations

import base64
import json

import pytest

from s3lo.errors import AccessDeniedError, ServiceError
from s3lo.transports.registry import ecr
from s3lo.transports.registry.login import Login
from s3lo.transports.registry.logins import find_login
from tests.servers.scripted import Read, Script, Scripted
from tests.user_home import UserHome

HOST = "123456789012.dkr.ecr.eu-west-3.amazonaws.com"
PUBLIC = "public.ecr.aws"
TOKEN = base64.b64encode(b"AWS:pass:word").decode()


def _answer(body: object, status: str = "200 OK") -> Script:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\n"
    return [[Read(), f"{head}content-length: {len(content)}\r\n\r\n".encode() + content]]


def _given(token: str = TOKEN) -> Script:
    return _answer({"authorizationData": [{"authorizationToken": token, "expiresAt": 1.7e9}]})


def _refusal(code: str, status: str = "400 Bad Request") -> Script:
    return _answer({"__type": code, "message": "the service's words"}, status)


@pytest.fixture
def aws(home: UserHome) -> UserHome:
    """Someone with AWS credentials."""
    home.set("AWS_ACCESS_KEY_ID", "AKID")
    home.set("AWS_SECRET_ACCESS_KEY", "secret")
    return home


def test_a_private_registry_gives_a_token(aws: UserHome) -> None:
    with Scripted(_given()) as service:
        aws.set("AWS_ENDPOINT_URL_ECR", service.url)
        assert find_login(HOST, "app") == Login("AWS", "pass:word")
    [request] = service.requests
    assert "GetAuthorizationToken" in request
    assert "/eu-west-3/ecr/aws4_request" in request, "signed for the registry's region"


def test_each_call_asks_anew(aws: UserHome) -> None:
    """A token is good for twelve hours: who was refused with it wants another."""
    second = base64.b64encode(b"AWS:second").decode()
    with Scripted(_given(), _given(second)) as service:
        aws.set("AWS_ENDPOINT_URL_ECR", service.url)
        assert find_login(HOST, "app") == Login("AWS", "pass:word")
        assert find_login(HOST, "app") == Login("AWS", "second")


def test_a_login_in_a_file_goes_before_aws(aws: UserHome) -> None:
    aws.set("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1")
    auth = base64.b64encode(b"AWS:kept").decode()
    aws.write(".docker/config.json", {"auths": {HOST: {"auth": auth}}})
    assert find_login(HOST, "app") == Login("AWS", "kept")
    assert find_login(HOST, "app", "me:mine") == Login("me", "mine")


def test_the_profile_that_is_named_is_asked_with(aws: UserHome) -> None:
    aws.write(
        ".aws/credentials", "[work]\naws_access_key_id = AKID-WORK\naws_secret_access_key = s\n"
    )
    with Scripted(_given()) as service:
        aws.set("AWS_ENDPOINT_URL_ECR", service.url)
        find_login(HOST, "app", profile="work")
    assert "Credential=AKID-WORK/" in service.requests[0]


@pytest.mark.parametrize(
    "host",
    [
        "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
        "123456789012.dkr-ecr.eu-west-1.on.aws",
    ],
)
def test_other_hosts_of_ecr_are_known(host: str, home: UserHome) -> None:  # noqa: ARG001
    with pytest.raises(AccessDeniedError, match="no AWS credentials were found"):
        ecr.find_token(host)


@pytest.mark.parametrize(
    "host",
    [
        "docker.io",
        "12345.dkr.ecr.eu-west-1.amazonaws.com",
        f"{HOST}.evil.test",
        f"evil.test/{HOST}",
        "123456789012.dkr.ecr.eu-west-1.evil.test",
    ],
)
def test_no_other_host_is_shown_a_token(host: str, aws: UserHome) -> None:
    aws.set("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1")
    assert ecr.find_token(host) is None


def test_nobody_has_no_login_for_a_private_registry(home: UserHome) -> None:  # noqa: ARG001
    with pytest.raises(AccessDeniedError, match=f"no AWS credentials.*{HOST}") as raised:
        find_login(HOST, "app")
    assert raised.value.exit_code == 4


@pytest.mark.parametrize("code", ["AccessDeniedException", "UnrecognizedClientException"])
def test_a_refusal_is_a_denial_that_says_what_aws_said(code: str, aws: UserHome) -> None:
    with Scripted(_refusal(code)) as service:
        aws.set("AWS_ENDPOINT_URL_ECR", service.url)
        with pytest.raises(AccessDeniedError, match="the service's words") as raised:
            find_login(HOST, "app")
    assert "AWS_ENDPOINT_URL_S3" in raised.value.hint


def test_an_unknown_profile_is_a_denial(aws: UserHome) -> None:  # noqa: ARG001
    with pytest.raises(AccessDeniedError, match="nowhere"):
        find_login(HOST, "app", profile="nowhere")


@pytest.mark.parametrize(
    "refusal",
    [
        _refusal("ServerException", "500 Internal Server Error"),
        _refusal("ThrottlingException"),
    ],
)
def test_a_service_in_trouble_is_asked_again_and_is_no_denial(
    refusal: Script, aws: UserHome
) -> None:
    with Scripted(refusal, _given()) as service:
        aws.set("AWS_ENDPOINT_URL_ECR", service.url)
        assert find_login(HOST, "app") == Login("AWS", "pass:word")
    with Scripted(refusal, last_repeats=True) as service:
        aws.set("AWS_ENDPOINT_URL_ECR", service.url)
        with pytest.raises(ServiceError):
            find_login(HOST, "app")


def test_no_answer_is_no_denial(aws: UserHome) -> None:
    aws.set("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1")
    with pytest.raises(ServiceError, match=HOST):
        find_login(HOST, "app")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"authorizationData": []},
        {"authorizationData": [{}]},
        {"authorizationData": [{"authorizationToken": "no base64!"}]},
    ],
)
def test_an_answer_without_a_token_is_said_to_be_one(body: object, aws: UserHome) -> None:
    with Scripted(_answer(body)) as service:
        aws.set("AWS_ENDPOINT_URL_ECR", service.url)
        with pytest.raises(ServiceError, match="no login"):
            find_login(HOST, "app")


def test_the_public_registry_gives_a_token_too(aws: UserHome) -> None:
    aws.set("AWS_REGION", "eu-west-3")
    given = _answer({"authorizationData": {"authorizationToken": TOKEN, "expiresAt": 1.7e9}})
    with Scripted(given) as service:
        aws.set("AWS_ENDPOINT_URL_ECR_PUBLIC", service.url)
        assert find_login(PUBLIC, "docker/library/alpine") == Login("AWS", "pass:word")
    assert "/us-east-1/ecr-public/aws4_request" in service.requests[0]


def test_the_public_registry_is_open_to_nobody(home: UserHome) -> None:  # noqa: ARG001
    assert find_login(PUBLIC, "docker/library/alpine") is None


def test_credentials_of_another_service_keep_nobody_from_the_public_registry(
    aws: UserHome,
) -> None:
    """The keys in the environment are often those of the S3 service that is copied to."""
    with Scripted(_refusal("UnrecognizedClientException")) as service:
        aws.set("AWS_ENDPOINT_URL_ECR_PUBLIC", service.url)
        assert find_login(PUBLIC, "docker/library/alpine") is None
    aws.set("AWS_ENDPOINT_URL_ECR_PUBLIC", "http://127.0.0.1:1")
    assert find_login(PUBLIC, "docker/library/alpine") is None
