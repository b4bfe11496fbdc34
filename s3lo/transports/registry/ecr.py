"""ECR: logins of Amazon's registries, which AWS credentials are exchanged for.

Amazon ECR API reference, GetAuthorizationToken; the same of Amazon ECR Public, which is asked in
us-east-1 whatever region one is in. A token is good for twelve hours. Hosts: Amazon ECR user guide,
"Private registry" and "FIPS endpoints". boto3 costs half a second to import: here, when it is asked.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from s3lo.errors import AccessDeniedError, S3loError, ServiceError
from s3lo.transports.registry.login import Login

_PRIVATE = re.compile(
    r"[0-9]{12}\.dkr[.-]ecr(?P<fips>-fips)?\.(?P<region>[a-z0-9-]+)"
    r"\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn)\Z"
)
_PUBLIC = frozenset({"public.ecr.aws", "ecr-public.aws.com"})
_PUBLIC_REGION = "us-east-1"
_TRIES = 4
_HINT = (
    "Check the AWS credentials and that they may ecr:GetAuthorizationToken, or log in with"
    " `aws ecr get-login-password | skopeo login`. Where AWS_ENDPOINT_URL is meant for S3 alone,"
    " set AWS_ENDPOINT_URL_S3 instead."
)


def find_token(host: str, profile: str = "") -> Login | None:
    """The login for a host, by the AWS credentials that boto3 finds; None where it is not ECR.

    The public registry needs no login; one gets more out of it with one. So None there too where
    there are no AWS credentials or AWS does not take them: they may be another S3 service's.
    Otherwise raises AccessDeniedError in these cases, ServiceError where AWS does not answer.
    """
    private = _PRIVATE.match(host)
    if private:
        return _ask(host, "ecr", private["region"], profile, is_fips=bool(private["fips"]))
    if host not in _PUBLIC:
        return None
    try:
        return _ask(host, "ecr-public", _PUBLIC_REGION, profile)
    except (AccessDeniedError, ServiceError):
        return None


def _ask(host: str, service: str, region: str, profile: str, *, is_fips: bool = False) -> Login:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        EndpointConnectionError,
        HTTPClientError,
    )

    config = Config(
        connect_timeout=10,
        read_timeout=30,
        retries={"mode": "standard", "total_max_attempts": _TRIES},
        use_fips_endpoint=is_fips or None,
    )
    try:
        session = boto3.session.Session(profile_name=profile or None)
        if session.get_credentials() is None:
            raise AccessDeniedError(f"no AWS credentials were found to log in to {host}")
        client = session.client(service, region_name=region, config=config)
        return _login(host, client.get_authorization_token())
    except (EndpointConnectionError, HTTPClientError) as error:
        raise ServiceError(f"no login for {host}: {error}") from error
    except ClientError as error:
        raise _refused(host, error.response, str(error)) from error
    except BotoCoreError as error:
        raise AccessDeniedError(f"no login for {host}: {error}", hint=_HINT) from error


def _refused(host: str, answer: Any, said: str) -> S3loError:
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = answer.get("Error", {}).get("Code", "")
    is_passing = status >= 500 or status == 429 or code == "ThrottlingException"
    kind = ServiceError if is_passing else AccessDeniedError
    return kind(f"AWS gives no login for {host}: {said}", hint=_HINT)


def _login(host: str, answer: Any) -> Login:
    try:
        data = answer["authorizationData"]
        entry = data[0] if isinstance(data, list) else data
        text = base64.b64decode(entry["authorizationToken"], validate=True).decode()
        user, _, password = text.partition(":")
        return Login(user, password)
    except (LookupError, TypeError, ValueError) as error:
        raise ServiceError(f"AWS answered with no login for {host}: {error!r}") from error
