"""Registries over TLS, and through a proxy."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from s3lo.errors import LocalError, NotFoundError, ServiceError
from s3lo.model.s3_errors import UntrustedEndpoint
from s3lo.transports.registry.client import RegistryOptions
from tests import servers
from tests.conftest import serving
from tests.integration.registry.pushed import NAMED, OPEN, Pushed, client, push
from tests.servers.certificate import Certificate
from tests.servers.connect_proxy import ConnectProxy


@pytest.fixture
def secured(certificate: Certificate, pushed: Pushed) -> Iterator[servers.Registry]:
    """Over TLS, with a certificate that no system trusts."""
    with serving(servers.Registry(certificate=certificate)) as server:
        push(server, pushed, "org/app:v1")
        yield server


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Where this user has certificates for a host."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def make(host: str) -> Path:
        directory = tmp_path / "containers" / "certs.d" / host
        directory.mkdir(parents=True)
        return directory

    return make


def test_a_private_authority_is_believed_by_each_of_the_ways_to_name_it(
    secured: servers.Registry,
    certificate: Certificate,
    pushed: Pushed,
    monkeypatch: pytest.MonkeyPatch,
    place: Callable[[str], Path],
) -> None:
    def digest(options: RegistryOptions) -> str:
        with client(secured.host, options=options) as registry:
            return registry.root().digest

    with pytest.raises(UntrustedEndpoint) as raised:
        digest(OPEN)
    assert "--ca-bundle" in raised.value.hint
    assert digest(RegistryOptions(ca_bundle=str(certificate.authority))) == pushed.digest
    assert digest(RegistryOptions(insecure=True)) == pushed.digest
    for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE"):
        with monkeypatch.context() as patch:
            patch.setenv(name, str(certificate.authority))
            assert digest(OPEN) == pushed.digest
    shutil.copy(certificate.authority, place(secured.host) / "ca.crt")
    assert digest(OPEN) == pushed.digest


def test_certificates_that_cannot_be_used_are_named(
    secured: servers.Registry, place: Callable[[str], Path]
) -> None:
    directory = place(secured.host)
    for name, content in (("ca.crt", b"no PEM"), ("mine.cert", b"x")):
        (directory / name).write_bytes(content)
        with client(secured.host) as registry, pytest.raises(LocalError, match=name):
            registry.root()
        (directory / name).unlink()


def test_a_client_shows_its_certificate_where_one_is_asked_for(
    certificate: Certificate, place: Callable[[str], Path]
) -> None:
    with serving(
        servers.Registry(certificate=certificate, clients=certificate.authority)
    ) as server:
        directory = place(server.host)
        shutil.copy(certificate.authority, directory / "ca.crt")
        with client(server.host) as registry, pytest.raises(ServiceError):
            registry.root()
        shutil.copy(certificate.certificate, directory / "mine.cert")
        shutil.copy(certificate.key, directory / "mine.key")
        with client(server.host) as registry, pytest.raises(NotFoundError, match="MANIFEST_UNK"):
            registry.root()


@pytest.fixture
def proxied(
    secured: servers.Registry, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ConnectProxy]:
    """The only way to the registry under its name."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate.authority))
    monkeypatch.setattr("s3lo.backoff.BASE_SECONDS", 0.001)
    port = int(secured.host.rpartition(":")[2])
    with ConnectProxy({f"{NAMED}:443": port}, login="me:my secret") as proxy:
        yield proxy


def test_a_proxy_leads_to_a_registry(
    proxied: ConnectProxy, pushed: Pushed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://me:my%20secret@{proxied.address}")
    with client(NAMED) as registry:
        assert registry.root().digest == pushed.digest
        assert list(registry.tags()) == ["v1"]
    assert proxied.targets == [f"{NAMED}:443"]


def test_a_proxy_that_refuses_is_told(
    proxied: ConnectProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://{proxied.address}")
    with client(NAMED) as registry, pytest.raises(ServiceError, match=r"proxy.*407"):
        registry.root()


INSECURE = RegistryOptions(insecure=True)


def test_insecure_takes_any_certificate(
    secured: servers.Registry, pushed: Pushed, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(secured.host.rpartition(":")[2])
    with ConnectProxy({f"{NAMED}:443": port, f"{NAMED}:80": port}) as proxy:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy.address)
        with client(NAMED, options=INSECURE) as registry:
            assert registry.root().digest == pushed.digest
        assert set(proxy.targets) == {f"{NAMED}:443"}
        with client(NAMED) as registry, pytest.raises(UntrustedEndpoint):
            registry.root()


def test_only_insecure_does_without_tls(
    registry: servers.Registry, pushed: Pushed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3lo.backoff.BASE_SECONDS", 0.001)
    push(registry, pushed, "org/plain:v1")
    port = int(registry.host.rpartition(":")[2])
    with ConnectProxy({f"{NAMED}:80": port}) as proxy:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy.address)
        with client(NAMED, "org/plain:v1", INSECURE) as opened:
            assert opened.root().digest == pushed.digest
        assert set(proxy.targets) == {f"{NAMED}:80"}
        proxy.targets.clear()
        with client(NAMED, "org/plain:v1") as opened, pytest.raises(ServiceError):
            opened.root()
        assert proxy.targets == []
