"""Platform: how it is written, and what runs on what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.errors import UsageError
from s3lo.model.platform import Platform

words = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
platforms = st.builds(
    Platform,
    words,
    st.sampled_from(["amd64", "arm64", "arm", "386", "riscv64"]),
    st.sampled_from(["", "v6", "v7", "v8"]),
)


@given(platforms)
def test_a_platform_is_read_as_it_is_written(platform: Platform) -> None:
    assert Platform.parse(str(platform)) == platform


@given(platforms)
def test_a_platform_satisfies_itself(platform: Platform) -> None:
    assert platform.satisfies(platform)


@given(platforms, platforms)
def test_satisfying_is_mutual(one: Platform, other: Platform) -> None:
    assert one.satisfies(other) == other.satisfies(one)


@pytest.mark.parametrize(
    ("text", "architecture"),
    [
        ("linux/x86_64", "amd64"),
        ("linux/aarch64", "arm64"),
        ("Linux/AMD64", "amd64"),
        ("linux/i686", "386"),
    ],
)
def test_other_names_of_an_architecture_are_understood(text: str, architecture: str) -> None:
    assert Platform.parse(text) == Platform("linux", architecture)


@pytest.mark.parametrize("text", ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux//v8"])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Platform.parse(text)


@pytest.mark.parametrize(
    ("image", "wanted", "runs"),
    [
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/arm/v6", "linux/arm", False),
        ("linux/amd64", "linux/arm64", False),
        ("windows/amd64", "linux/amd64", False),
    ],
)
def test_a_variant_left_out_is_the_usual_one(image: str, wanted: str, runs: bool) -> None:
    assert Platform.parse(image).satisfies(Platform.parse(wanted)) is runs


def test_the_host_runs_linux_containers() -> None:
    assert Platform.host().os == "linux"
    assert Platform.host().architecture not in ("x86_64", "aarch64", "")


def test_an_attestation_is_for_no_platform() -> None:
    assert Platform("unknown", "unknown").is_unknown
    assert not Platform("linux", "amd64").is_unknown
