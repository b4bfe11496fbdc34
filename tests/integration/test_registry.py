"""The registry client against a real registry: open, with a password, with tokens, over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from s3lo.errors import AccessDeniedError, LocalError, NotFoundError, ServiceError, SizeMismatch
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor, Index, Manifest, parse_document
from s3lo.model.media_types import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from s3lo.model.registry_reference import parse_registry_reference
from s3lo.model.s3_errors import UntrustedEndpoint
from s3lo.transports.registry.client import Registry, RegistryOptions
from s3lo.transports.registry.login import Login
from tests import servers
from tests.conftest import missing, serving
from tests.servers import Missing
from tests.servers.certificate import Certificate, make_certificate
from tests.servers.registry import PASSWORD, USER
from tests.servers.token_server import SERVICE, TokenServer
from tests.unit.transports import builders

OPEN = RegistryOptions()
LOGIN = Login(USER, PASSWORD)
NAMES = {"org.opencontainers.image.ref.name": "v1"}


@dataclass(frozen=True)
class Pushed:
    """A layout with an index of two platforms and an attestation, tagged ``v1``."""

    layout: Path
    digest: str


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Pushed:
    amd64, amd64_blobs = builders.platform_image("amd64")
    arm64, arm64_blobs = builders.platform_image("arm64")
    about, about_blobs = builders.attestation(amd64)
    blobs = [*amd64_blobs, *arm64_blobs, *about_blobs]
    return pushed_index([amd64, arm64, about], blobs, tmp_path_factory.mktemp("pushed"))


def pushed_index(entries: list[dict[str, Any]], blobs: list[bytes], directory: Path) -> Pushed:
    index = builders.index(entries)
    entry = builders.descriptor(index, OCI_INDEX, annotations=NAMES)
    layout = builders.write_tree(builders.layout([entry], [*blobs, index]), directory)
    return Pushed(layout, entry["digest"])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    try:
        return make_certificate(tmp_path_factory.mktemp("tls"), "127.0.0.1")
    except Missing as reason:
        missing(reason)


def push(
    registry: servers.Registry, pushed: Pushed, name: str, option: str = "--preserve-digests"
) -> None:
    try:
        registry.push(f"oci:{pushed.layout}:v1", name, option)
    except Missing as reason:
        missing(reason)


@pytest.fixture(scope="module")
def filled(registry: servers.Registry, pushed: Pushed) -> servers.Registry:
    """Open to everyone; ``org/app`` has the tags ``v1`` and ``v2``, the latter of Docker's types."""
    push(registry, pushed, "org/app:v1")
    amd64, blobs = builders.platform_image("amd64")
    files = builders.layout([{**amd64, "annotations": NAMES}], blobs)
    layout = builders.write_tree(files, pushed.layout.parent / "single")
    push(registry, Pushed(layout, ""), "org/app:v2", "--format=v2s2")
    return registry


def client(host: str, name: str = "org/app:v1", options: RegistryOptions = OPEN) -> Registry:
    return Registry(parse_registry_reference(f"{host}/{name}"), options)


def test_an_index_comes_as_it_was_pushed(filled: servers.Registry, pushed: Pushed) -> None:
    with client(filled.host) as registry:
        root = registry.root()
        assert (root.digest, root.media_type) == (pushed.digest, OCI_INDEX)
        index = parse_document(root.raw, root.media_type)
        assert isinstance(index, Index)
        for entry in index.manifests:
            manifest = parse_document(registry.document(entry), entry.media_type)
            assert isinstance(manifest, Manifest)
            assert Digest.of(registry.document(manifest.config)) == manifest.config.digest
            for layer in manifest.layers:
                assert (
                    Digest.of(b"".join(registry.open_range(layer, 0, layer.size))) == layer.digest
                )


def test_manifests_of_dockers_types_are_taken(filled: servers.Registry) -> None:
    with client(filled.host, "org/app:v2") as registry:
        root = registry.root()
        assert root.media_type == DOCKER_MANIFEST
        assert isinstance(parse_document(root.raw), Manifest)


def test_an_image_is_found_by_its_digest(filled: servers.Registry, pushed: Pushed) -> None:
    with client(filled.host, f"org/app@{pushed.digest}") as registry:
        assert registry.root().digest == pushed.digest


def test_another_tag_is_looked_at_and_may_be_absent(filled: servers.Registry) -> None:
    with client(filled.host) as registry:
        found = registry.manifest_tag("v2")
        assert found is not None
        assert found.media_type == DOCKER_MANIFEST
        assert registry.manifest_tag("sha256-0.sig") is None


def test_tags_are_listed_over_several_pages(
    filled: servers.Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3lo.transports.registry.client._TAGS_A_PAGE", 1)
    with client(filled.host) as registry:
        assert list(registry.tags()) == ["v1", "v2"]


def test_a_registry_without_the_referrers_api_has_them_by_tag(
    filled: servers.Registry, pushed: Pushed
) -> None:
    """The fallback of registries before distribution spec 1.1."""
    with client(filled.host) as registry:
        assert registry.referrers(Digest(pushed.digest)) == ()
        tag = f"sha256-{pushed.digest[7:]}"
        push(filled, pushed, f"org/app:{tag}")
        found = registry.referrers(Digest(pushed.digest))
        assert [each.media_type for each in found] == [OCI_MANIFEST] * 3


def test_a_range_is_exactly_what_was_asked_for(filled: servers.Registry) -> None:
    with client(filled.host, "org/app:v2") as registry:
        manifest = parse_document(registry.root().raw)
        assert isinstance(manifest, Manifest)
        [layer] = manifest.layers
        whole = b"".join(registry.open_range(layer, 0, layer.size))
        for start, end in ((0, 1), (5, 100), (layer.size - 7, layer.size), (9, 9)):
            opened = registry.open_range(layer, start, end)
            assert (b"".join(opened), opened.end) == (whole[start:end], end)


def test_a_descriptor_that_promises_another_size_is_found_out(filled: servers.Registry) -> None:
    with client(filled.host, "org/app:v2") as registry:
        manifest = parse_document(registry.root().raw)
        assert isinstance(manifest, Manifest)
        [layer] = manifest.layers
        for size in (layer.size - 1, layer.size + 1):
            wrong = Descriptor(layer.media_type, layer.digest, size)
            with pytest.raises(SizeMismatch):
                list(registry.open_range(wrong, 0, size))
            with pytest.raises(SizeMismatch):
                list(registry.open_range(wrong, 3, size))
            with pytest.raises(SizeMismatch):
                registry.document(Descriptor("", layer.digest, size))


@pytest.mark.parametrize("name", ["org/app:v3", "org/other:v1", f"org/app@sha256:{'0' * 64}"])
def test_what_is_not_there_is_not_found(filled: servers.Registry, name: str) -> None:
    with client(filled.host, name) as registry, pytest.raises(NotFoundError, match="MANIFEST_UNK"):
        registry.root()
    with client(filled.host, "org/other:v1") as registry, pytest.raises(NotFoundError):
        list(registry.tags())


def test_many_threads_share_one_client(filled: servers.Registry) -> None:
    with client(filled.host, "org/app:v2") as registry:
        manifest = parse_document(registry.root().raw)
        assert isinstance(manifest, Manifest)
        [layer] = manifest.layers
        found: list[Digest] = []

        def read() -> None:
            found.append(Digest.of(b"".join(registry.open_range(layer, 0, layer.size))))

        threads = [Thread(target=read) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [layer.digest] * 16


def test_a_password_is_shown_where_it_is_asked_for(pushed: Pushed) -> None:
    with serving(servers.Registry(asks_password=True)) as server:
        push(server, pushed, "org/app:v1")
        with client(server.host, options=RegistryOptions(login=lambda: LOGIN)) as registry:
            assert registry.root().digest == pushed.digest
        for login in (None, Login(USER, "wrong")):
            options = RegistryOptions(login=lambda login=login: login)  # type: ignore[misc]
            with client(server.host, options=options) as registry:
                with pytest.raises(AccessDeniedError) as raised:
                    registry.root()
                assert f"docker login {server.host}" in raised.value.hint
                assert "does not exist" in raised.value.hint


@pytest.fixture
def tokens(certificate: Certificate) -> Iterator[TokenServer]:
    logins, identities = {USER: PASSWORD}, ("identity",)
    with TokenServer(certificate, logins, identities=identities) as server:
        yield server


@pytest.fixture
def guarded(tokens: TokenServer, pushed: Pushed) -> Iterator[servers.Registry]:
    """Asks for tokens."""
    with serving(servers.Registry(tokens=tokens)) as server:
        push(server, pushed, "org/app:v1")
        tokens.requests.clear()
        yield server


@pytest.mark.parametrize("login", [LOGIN, Login("<token>", "", "identity")])
def test_one_token_serves_a_whole_copy(
    guarded: servers.Registry, tokens: TokenServer, login: Login
) -> None:
    with client(guarded.host, options=RegistryOptions(login=lambda: login)) as registry:
        index = parse_document(registry.root().raw)
        assert isinstance(index, Index)
        for entry in index.manifests:
            registry.document(entry)
        assert list(registry.tags()) == ["v1"]
    [asked] = tokens.requests
    assert asked.scopes == ("repository:org/app:pull",)
    assert asked.service == SERVICE
    assert asked.method == ("POST" if login.identity_token else "GET")


def test_nobody_gets_a_token_where_anyone_may_pull(
    certificate: Certificate, pushed: Pushed
) -> None:
    with (
        TokenServer(certificate, {USER: PASSWORD}, is_open=True) as tokens,
        serving(servers.Registry(tokens=tokens)) as server,
    ):
        push(server, pushed, "org/app:v1")
        with client(server.host) as registry:
            assert registry.root().digest == pushed.digest
        assert tokens.requests[-1].user == ""


@pytest.mark.parametrize("login", [None, Login(USER, "wrong"), Login("", "", "unknown")])
def test_a_refused_login_is_denied(guarded: servers.Registry, login: Login | None) -> None:
    with client(guarded.host, options=RegistryOptions(login=lambda: login)) as registry:
        with pytest.raises(AccessDeniedError) as raised:
            registry.root()
        assert "docker login" in raised.value.hint


def test_a_token_is_renewed_before_it_runs_out(certificate: Certificate, pushed: Pushed) -> None:
    """One that lasts for no time is asked for with every request; no request is refused for it."""
    with (
        TokenServer(certificate, {USER: PASSWORD}, lasts_seconds=0) as tokens,
        serving(servers.Registry(tokens=tokens)) as server,
    ):
        push(server, pushed, "org/app:v1")
        tokens.requests.clear()
        with client(server.host, options=RegistryOptions(login=lambda: LOGIN)) as registry:
            for _ in range(3):
                registry.root()
        assert len(tokens.requests) == 3


@pytest.fixture
def secured(certificate: Certificate, pushed: Pushed) -> Iterator[servers.Registry]:
    """Over TLS, with a certificate that no system trusts."""
    with serving(servers.Registry(certificate=certificate)) as server:
        push(server, pushed, "org/app:v1")
        yield server


def test_a_private_authority_is_believed_by_each_of_the_ways_to_name_it(
    secured: servers.Registry,
    certificate: Certificate,
    pushed: Pushed,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

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
    place = tmp_path / "containers" / "certs.d" / secured.host
    place.mkdir(parents=True)
    (place / "ca.crt").write_bytes(certificate.authority.read_bytes())
    assert digest(OPEN) == pushed.digest


def test_certificates_that_cannot_be_used_are_named(
    secured: servers.Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    place = tmp_path / "containers" / "certs.d" / secured.host
    place.mkdir(parents=True)
    for name, content in (("ca.crt", b"no PEM"), ("mine.cert", b"x")):
        (place / name).write_bytes(content)
        with client(secured.host) as registry, pytest.raises(LocalError, match=name):
            registry.root()
        (place / name).unlink()


def test_nobody_there_is_told_after_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3lo.backoff.BASE_SECONDS", 0.001)
    [port] = servers.free_ports(1)
    host = f"127.0.0.1:{port}"
    with client(host) as registry, pytest.raises(ServiceError, match=rf"{host}.*refused"):
        registry.root()


def test_lists_of_dockers_type_are_taken(registry: servers.Registry, tmp_path: Path) -> None:
    amd64, blobs = builders.platform_image("amd64")
    push(registry, pushed_index([amd64], blobs, tmp_path), "org/list:v1", "--format=v2s2")
    with client(registry.host, "org/list:v1") as opened:
        assert opened.root().media_type == DOCKER_LIST
