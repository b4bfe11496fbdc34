"""Addresses: origins, proxies, pages that follow, and where certificates lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from s3lo.transports.registry.certs import places
from s3lo.transports.registry.pages import next_link
from s3lo.transports.registry.proxies import is_loopback, proxy_for
from s3lo.transports.registry.redirects import origin


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a/x", "https://a:443/y?z", True),
        ("https://A/x", "https://a/x", True),
        ("https://a", "http://a", False),
        ("https://a", "https://a:5000", False),
        ("https://a", "https://b.a", False),
        ("https://user@a", "https://a", True),
    ],
)
def test_an_origin_is_scheme_host_and_port(one: str, other: str, same: bool) -> None:
    assert (origin(one) == origin(other)) is same


@pytest.mark.parametrize(
    ("host", "loops"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost.example", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_loopback_is_told_by_name_or_address(host: str, loops: bool) -> None:
    assert is_loopback(host) is loops


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("no_proxies")
@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY"])
def test_a_proxy_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", ".corp,exact.example:5000")
    assert proxy_for("https://ghcr.io/v2/") == "http://proxy:3128"
    assert proxy_for("http://ghcr.io/v2/") == ""
    assert proxy_for("https://r.corp/v2/") == ""
    assert proxy_for("https://127.0.0.1:5000/v2/") == ""
    assert proxy_for("https://localhost/v2/") == ""


@pytest.mark.usefixtures("no_proxies")
def test_a_proxy_without_scheme_is_spoken_to_in_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "proxy:3128")
    assert proxy_for("https://ghcr.io/") == "http://proxy:3128"


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("", ""),
        ('</v2/a/tags/list?last=b&n=1>; rel="next"', "/v2/a/tags/list?last=b&n=1"),
        ("<x?a=1,2>;rel=next", "x?a=1,2"),
        ('<p>; rel="prev", <n>; title="a, b"; rel="next last"', "n"),
        ('<p>; rel="prev"', ""),
        ('<p>; title="rel=next"', ""),
        ("<p>; rel=nextdoor", ""),
        ("nonsense", ""),
    ],
)
def test_the_next_page_is_what_link_says(header: str, target: str) -> None:
    assert next_link(header) == target


def test_certificates_lie_where_skopeo_and_docker_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/me/.config")
    assert list(places("h:5000")) == [
        Path("/home/me/.config/containers/certs.d/h:5000"),
        Path("/etc/containers/certs.d/h:5000"),
        Path("/etc/docker/certs.d/h:5000"),
    ]
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert next(places("h")) == Path("/home/me/.config/containers/certs.d/h")
