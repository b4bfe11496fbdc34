"""AWS config: the files and variables of the AWS CLI, in its order."""

from __future__ import annotations

from pathlib import Path

import pytest

from s3lo.bucket import aws_config
from s3lo.bucket.aws_config import AwsConfig
from s3lo.errors import AccessDeniedError, UsageError

CONFIG = """
[default]
region = eu-west-1
[profile work]
region = eu-central-1
ca_bundle = /work/ca.pem
endpoint_url = http://work.test
services = work-services
s3 =
    addressing_style = path
    max_concurrent_requests = 20
[profile "two words"]
region = ap-south-1
[services work-services]
s3 =
    endpoint_url = http://s3.work.test
dynamodb =
    endpoint_url = http://dynamo.work.test
[work]
region = not-a-profile
"""
CREDENTIALS = """
[default]
aws_access_key_id = AKID-DEFAULT
aws_secret_access_key = secret-default
[work]
aws_access_key_id = AKID-WORK
aws_secret_access_key = secret=with=signs%
[only-keys]
aws_access_key_id = AKID-ONLY
aws_secret_access_key = secret-only
"""


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "config").write_text(CONFIG)
    (tmp_path / "credentials").write_text(CREDENTIALS)
    return {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }


def test_a_profile_is_both_files_together(files: dict[str, str]) -> None:
    config = aws_config.load("work", files)
    assert config.region == "eu-central-1"
    assert config.settings["aws_access_key_id"] == "AKID-WORK"
    assert config.settings["aws_secret_access_key"] == "secret=with=signs%"
    assert config.ca_bundle == "/work/ca.pem"
    assert config.addressing_style == "path"


def test_without_a_name_it_is_the_default(files: dict[str, str]) -> None:
    config = aws_config.load("", files)
    assert (config.profile, config.region) == ("default", "eu-west-1")
    assert config.addressing_style == config.endpoint_url == config.ca_bundle == ""


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_a_variable_names_the_profile(files: dict[str, str], variable: str) -> None:
    assert aws_config.load("", {**files, variable: "work"}).profile == "work"
    assert aws_config.load("only-keys", {**files, variable: "work"}).profile == "only-keys"


def test_a_profile_may_be_in_one_file_only(files: dict[str, str]) -> None:
    assert aws_config.load("only-keys", files).region == ""
    assert aws_config.load("two words", files).region == "ap-south-1"


@pytest.mark.parametrize("variable", ["", "AWS_PROFILE"])
def test_a_profile_that_is_not_there_is_said_to_be(files: dict[str, str], variable: str) -> None:
    with pytest.raises(AccessDeniedError, match="no AWS profile 'missing'") as raised:
        if variable:
            aws_config.load("", {**files, variable: "missing"})
        else:
            aws_config.load("missing", files)
    assert "--profile" in raised.value.hint


def test_no_files_are_no_error(tmp_path: Path) -> None:
    config = aws_config.load("", {"AWS_CONFIG_FILE": str(tmp_path / "none"), "HOME": "/none"})
    assert config.region == config.endpoint_url == ""


def test_a_file_that_is_no_ini_is_named(files: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config").write_text("region = eu-west-1\n")
    with pytest.raises(UsageError, match=str(tmp_path / "config")):
        aws_config.load("", files)


def test_a_file_that_is_no_text_is_named(files: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "credentials").write_bytes(b"[default]\nregion = \xff\xfe\n")
    with pytest.raises(UsageError, match=str(tmp_path / "credentials")):
        aws_config.load("", files)


def test_a_region_variable_goes_before_the_profile(files: dict[str, str]) -> None:
    older = {**files, "AWS_DEFAULT_REGION": "us-east-2"}
    assert aws_config.load("work", older).region == "us-east-2"
    assert aws_config.load("work", {**older, "AWS_REGION": "us-west-1"}).region == "us-west-1"


def test_a_ca_bundle_variable_goes_before_the_profile(files: dict[str, str]) -> None:
    assert aws_config.load("work", {**files, "AWS_CA_BUNDLE": "/ca"}).ca_bundle == "/ca"


def test_the_more_specific_endpoint_wins(files: dict[str, str], tmp_path: Path) -> None:
    def url(**variables: str) -> str:
        return aws_config.load("work", {**files, **variables}).endpoint_url

    assert url(AWS_ENDPOINT_URL_S3="http://a", AWS_ENDPOINT_URL="http://b") == "http://a"
    assert url(AWS_ENDPOINT_URL="http://b") == "http://b"
    assert url() == "http://s3.work.test"
    (tmp_path / "config").write_text(CONFIG.replace("services = work-services", ""))
    assert url() == "http://work.test"


def test_configured_endpoints_can_be_ignored(files: dict[str, str]) -> None:
    variables = {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_ENDPOINT_URL": "http://b"}
    assert aws_config.load("work", {**files, **variables}).endpoint_url == ""


def test_secrets_are_not_printed(files: dict[str, str]) -> None:
    assert "secret" not in repr(aws_config.load("work", files))


@pytest.mark.parametrize("profile", ["default", "work", "two words", "only-keys"])
def test_botocore_reads_the_same(
    files: dict[str, str], profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference implementation, on the same files."""
    import botocore.session

    for name, value in files.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    session = botocore.session.Session(profile=profile)
    ours: AwsConfig = aws_config.load(profile, files)
    assert ours.region == (session.get_config_variable("region") or "")
    theirs = session.get_scoped_config()
    for name in ("aws_access_key_id", "aws_secret_access_key", "ca_bundle", "endpoint_url"):
        assert ours.settings.get(name) == theirs.get(name)
    style = theirs.get("s3", {}).get("addressing_style", "")
    assert ours.addressing_style == style
