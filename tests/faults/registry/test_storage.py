"""Registries that send requests on, and logins that run out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from s3lo.errors import (
    AccessDeniedError,
    ServiceError,
)
from s3lo.transports.registry.client import Registry, RegistryOptions
from s3lo.transports.registry.login import Login
from tests.faults.registry.served import LOGIN, Served, noting, opened, read, redirect_to, saying
from tests.servers import Unruly
from tests.servers.registry import PASSWORD, USER
from tests.servers.unruly import (
    Answer,
    Exchange,
    end_early,
)


@dataclass(frozen=True)
class Parted:
    """A registry with a password that keeps blobs in a storage elsewhere."""

    registry: Unruly
    storage: Unruly
    shown: list[str]
    """What the storage saw of logins."""


@pytest.fixture
def parted(guarded: Served, served: Served) -> Iterator[Parted]:
    with Unruly(guarded.registry.url) as registry, Unruly(served.registry.url) as storage:
        registry.when("GET", "/blobs/", redirect_to(storage.url))
        yield Parted(registry, storage, [])


WITH_LOGIN = RegistryOptions(login=lambda: LOGIN)


def test_storage_elsewhere_sees_no_login_and_is_asked_directly_from_then_on(
    parted: Parted, served: Served
) -> None:
    parted.storage.when("GET", "/blobs/", noting("authorization", parted.shown))
    with opened(parted.registry.url, options=WITH_LOGIN) as registry:
        assert registry.root().digest == served.manifest
        assert read(registry, served.layer) == served.layer.digest
        for start in (0, 5, 2_000_000):
            assert len(b"".join(registry.open_range(served.layer, start, start + 10))) == 10
    assert parted.shown == [""] * 4
    assert parted.registry.count("GET", "/blobs/") == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 503])
def test_an_address_that_has_run_out_is_asked_for_anew(
    parted: Parted, served: Served, status: int
) -> None:
    parted.storage.when("GET", "/blobs/", saying(status), after=1, times=1)
    with opened(parted.registry.url, options=WITH_LOGIN) as registry:
        assert read(registry, served.layer) == served.layer.digest
        assert read(registry, served.layer) == served.layer.digest
    assert parted.registry.count("GET", "/blobs/") == 2


def test_storage_that_breaks_off_is_gone_on_with(parted: Parted, served: Served) -> None:
    ranges: list[str] = []
    parted.storage.when("GET", "/blobs/", end_early, times=1)
    parted.storage.when("GET", "/blobs/", noting("range", ranges))
    with opened(parted.registry.url, options=WITH_LOGIN) as registry:
        assert read(registry, served.layer) == served.layer.digest
    assert ranges == [f"bytes={served.layer.size // 2}-{served.layer.size - 1}"]


def test_storage_that_refuses_is_named(parted: Parted, served: Served) -> None:
    parted.storage.when("GET", "/blobs/", saying(403))
    host = parted.storage.url.partition("://")[2]
    with (
        opened(parted.registry.url, options=WITH_LOGIN) as registry,
        pytest.raises(AccessDeniedError, match=host),
    ):
        read(registry, served.layer)


def test_a_circle_of_redirects_ends(client: Registry, unruly: Unruly, served: Served) -> None:
    unruly.when("GET", "/blobs/", redirect_to(unruly.url))
    with pytest.raises(ServiceError, match="circle"):
        read(client, served.layer)
    assert unruly.count("GET", "/blobs/") == 1


def test_redirects_without_an_end_are_followed_so_far(
    client: Registry, unruly: Unruly, served: Served
) -> None:
    def on(exchange: Exchange) -> None:
        exchange.reply(
            Answer(302, (("Location", exchange.path + "x"), ("Content-Length", "0")), b"")
        )

    unruly.when("GET", "/blobs/", on)
    with pytest.raises(ServiceError, match="more than 10 times"):
        read(client, served.layer)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "http://[", "ftp://h/x", "https:///x"])
def test_redirects_lead_to_addresses_of_http_only(
    client: Registry, unruly: Unruly, served: Served, target: str
) -> None:
    unruly.when("GET", "/blobs/", saying(302, Location=target))
    with pytest.raises(ServiceError, match="no address of HTTP"):
        read(client, served.layer)


def test_a_password_that_has_run_out_is_asked_for_anew(guarded: Served) -> None:
    """ECR's last twelve hours."""
    passwords = iter(["old", PASSWORD])
    options = RegistryOptions(login=lambda: Login(USER, next(passwords)))
    with Unruly(guarded.registry.url) as unruly, opened(unruly.url, options=options) as registry:
        assert registry.root().digest == guarded.manifest
        assert next(passwords, "none") == "none"


def test_a_password_refused_in_the_middle_is_asked_for_once_more_and_then_denied(
    guarded: Served,
) -> None:
    asked: list[None] = []

    def login() -> Login:
        asked.append(None)
        return LOGIN

    options = RegistryOptions(login=login)
    with Unruly(guarded.registry.url) as unruly, opened(unruly.url, options=options) as registry:
        registry.root()
        unruly.when("GET", "/blobs/", saying(403))
        with pytest.raises(AccessDeniedError):
            read(registry, guarded.layer)
        assert len(asked) == 2
        assert unruly.count("GET", "/blobs/") == 1
