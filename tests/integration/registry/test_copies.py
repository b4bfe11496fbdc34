"""Copies out of registries of every kind: open, with a password, with tokens, over TLS; and onwards."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import s3lo
from s3lo.errors import AccessDeniedError, NotFoundError
from tests import servers
from tests.conftest import missing, serving
from tests.integration.registry.pushed import Pushed, push
from tests.servers import Missing
from tests.servers.certificate import Certificate
from tests.servers.process import find_program
from tests.servers.registry import PASSWORD, USER
from tests.servers.token_server import TokenServer
from tests.unit.transports import builders

KINDS = ("open", "password", "token", "tls")
LOGIN = f"{USER}:{PASSWORD}"


@contextmanager
def registry_of(kind: str, certificate: Certificate) -> Iterator[servers.Registry]:
    if kind == "token":
        with (
            TokenServer(certificate, {USER: PASSWORD}) as tokens,
            serving(servers.Registry(tokens=tokens)) as server,
        ):
            yield server
        return
    over_tls = certificate if kind == "tls" else None
    asks = kind == "password"
    with serving(servers.Registry(asks_password=asks, certificate=over_tls)) as server:
        yield server


@pytest.fixture(params=KINDS)
def filled(
    request: pytest.FixtureRequest, certificate: Certificate, pushed: Pushed
) -> Iterator[servers.Registry]:
    with registry_of(request.param, certificate) as server:
        push(server, pushed, "org/app:v1")
        yield server


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "store/blobs").mkdir(parents=True)
    return f"local://{tmp_path}/store"


def options(certificate: Certificate, creds: str = LOGIN) -> s3lo.CopyOptions:
    connection = s3lo.ConnectionOptions(ca_bundle=str(certificate.authority))
    return s3lo.CopyOptions(creds=creds, connection=connection)


def skopeo(*arguments: str) -> bytes:
    try:
        program = find_program("skopeo", "apt-get install skopeo")
    except Missing as reason:
        missing(reason)
    return subprocess.run([str(program), *arguments], check=True, capture_output=True).stdout


def raw_of(server: servers.Registry, name: str) -> bytes:
    login = [] if server.is_open else ["--creds", LOGIN]
    return skopeo(
        "inspect", "--raw", "--tls-verify=false", *login, f"docker://{server.host}/{name}"
    )


def test_every_platform_comes_and_goes_on_with_its_digest(
    filled: servers.Registry, certificate: Certificate, store: str, tmp_path: Path
) -> None:
    raw = raw_of(filled, "org/app:v1")
    found = s3lo.copy(f"{filled.host}/org/app:v1", f"{store}/app:v1", options(certificate))
    assert found.digest == f"sha256:{hashlib.sha256(raw).hexdigest()}"
    assert s3lo.read_manifest(f"{store}/app:v1") == raw
    assert found.platforms == ("linux/amd64", "linux/arm64")
    with registry_of("open", certificate) as other:
        for platform in found.platforms:
            layout = tmp_path / platform.replace("/", "-")
            pulled = s3lo.pull(f"{store}/app:v1", to=f"oci:{layout}", platform=platform)
            name = f"onwards/{platform.rpartition('/')[2]}:v1"
            push(other, Pushed(layout, ""), name)
            assert f"sha256:{builders.sha(raw_of(other, name))}" == pulled.digest


def test_who_is_not_let_in_and_what_is_not_there_are_told_apart(
    filled: servers.Registry, certificate: Certificate, store: str
) -> None:
    with pytest.raises(NotFoundError) as absent:
        s3lo.copy(f"{filled.host}/org/app:none", f"{store}/app:v1", options(certificate))
    assert absent.value.exit_code == 3
    if not filled.is_open:
        with pytest.raises(AccessDeniedError) as denied:
            s3lo.copy(f"{filled.host}/org/app:v1", f"{store}/app:v1", options(certificate, "x:y"))
        assert denied.value.exit_code == 4
    assert not list(Path(store.removeprefix("local://")).glob("manifests/*"))
