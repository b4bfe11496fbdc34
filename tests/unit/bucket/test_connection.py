"""Connection: flags before variables before the profile, and what follows from them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from s3lo.bucket.connection import check_endpoint_url, connect
from s3lo.bucket.options import ConnectionOptions
from s3lo.errors import LocalError, UsageError
from s3lo.model.objects import Endpoint

URL = "http://127.0.0.1:8333"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An AWS config file that the test may write, and nothing of the user's."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path / "config"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Buckets whose region was asked for; every one lives in ap-south-1."""
    buckets: list[str] = []

    def discover(bucket: str, **_: str) -> str:
        buckets.append(bucket)
        return "ap-south-1"

    monkeypatch.setattr("s3lo.bucket.region.discover", discover)
    return buckets


def _endpoint(
    bucket: str = "bucket", *, endpoint_url: str = "", region: str = "", ca_bundle: str = ""
) -> Endpoint:
    options = ConnectionOptions(endpoint_url=endpoint_url, region=region, ca_bundle=ca_bundle)
    return connect(bucket, options).endpoint


def test_a_custom_endpoint_is_spoken_to_in_path_style_and_not_asked(asked: list[str]) -> None:
    endpoint = _endpoint(endpoint_url=f"{URL}/")
    assert endpoint == Endpoint("bucket", "us-east-1", URL, path_style=True)
    assert asked == []


def test_aws_is_asked_for_the_region_where_nothing_names_one(asked: list[str]) -> None:
    assert _endpoint() == Endpoint("bucket", "ap-south-1")
    assert asked == ["bucket"]


def test_a_flag_goes_before_a_variable_before_the_profile(
    asked: list[str], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("[default]\nregion = eu-west-1\nendpoint_url = http://profile.test\n")
    assert _endpoint().region == "eu-west-1"
    assert _endpoint().url == "http://profile.test"
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://variable.test")
    assert _endpoint().region == "eu-west-2"
    assert _endpoint().url == "http://variable.test"
    named = _endpoint(region="eu-west-3", endpoint_url="http://flag.test")
    assert (named.region, named.url) == ("eu-west-3", "http://flag.test")
    assert asked == []


def test_a_bucket_with_dots_is_named_in_the_path() -> None:
    """AWS's certificates cover one label before the service's name."""
    assert _endpoint("my.bucket", region="eu-west-1").path_style
    assert not _endpoint("my-bucket", region="eu-west-1").path_style


@pytest.mark.parametrize(("style", "path"), [("path", True), ("virtual", False)])
def test_a_profile_may_choose_the_addressing_style(config: Path, style: str, path: bool) -> None:
    config.write_text(f"[default]\ns3 =\n  addressing_style = {style}\n")
    assert _endpoint(endpoint_url=URL).path_style is path
    assert _endpoint(region="eu-west-1").path_style is path


def test_anonymous_access_has_no_credentials() -> None:
    options = ConnectionOptions(endpoint_url=URL, no_sign_request=True)
    assert connect("bucket", options).credentials() is None


@pytest.mark.parametrize(
    "region", ["EU West", "eu_west", "eu-west-1/..", "a.b", "-", "eu-west-1\n"]
)
def test_what_is_no_region_never_reaches_a_host_name(region: str) -> None:
    with pytest.raises(UsageError):
        _endpoint(region=region)


def test_a_ca_bundle_is_looked_for_at_once(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="CA bundle"):
        _endpoint(endpoint_url=URL, ca_bundle=str(tmp_path / "none.pem"))
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    assert _endpoint(endpoint_url=URL, ca_bundle=str(bundle)).ca_bundle == str(bundle)


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("", ""),
        ("http://h", "http://h"),
        ("https://h:9000/", "https://h:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("HTTP://H", "http://H"),
    ],
)
def test_an_endpoint_url_is_taken(url: str, clean: str) -> None:
    assert check_endpoint_url(url) == clean


@pytest.mark.parametrize(
    "url",
    [
        "localhost:9000",
        "127.0.0.1",
        "ftp://h",
        "http://",
        "http://:80",
        "http://h:port",
        "http://h:99999",
        "http://h:0",
        "http://h/path",
        "http://h?x=1",
        "http://h#x",
        "http://user:pw@h",
        "http://h h",
        "http://h\\x",
        "http://[::1",
    ],
)
def test_what_is_no_endpoint_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="endpoint URL") as raised:
        check_endpoint_url(url)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    "url",
    ["http://user:hidden@host", "http://:hidden@host", "user:hidden@host", "https://u:hid@den/@h"],
)
def test_a_password_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_endpoint_url(url)
    assert "hid" not in str(raised.value)
    assert "***@h" in str(raised.value)
