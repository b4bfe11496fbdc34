"""The Docker daemon, as far as it can be known without one."""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path

import pytest

from s3lo.errors import DaemonError
from s3lo.transports.docker_daemon import DaemonFacts, connect


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


def host_that_is_tried() -> str:
    """The error of a daemon that is not there says where it was looked for."""
    with pytest.raises(DaemonError) as caught, connect():
        pass
    assert caught.value.exit_code == 8
    assert caught.value.hint
    return str(caught.value)


def test_only_the_containerd_store_is_given_layers_as_they_come() -> None:
    """Its images are named by the digests of manifests, which name compressed layers."""
    assert DaemonFacts("20.10.24", "1.41", "overlay2", False).unpacks == ("gzip", "zstd")
    assert DaemonFacts("28.2.2", "1.50", "overlayfs", True).unpacks == ()


def test_no_daemon_is_a_local_error_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    assert "daemon" in host_that_is_tried()


def test_an_address_that_is_none_is_a_local_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "nonsense://x")
    host_that_is_tried()


def test_a_context_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "elsewhere")
    assert "elsewhere" in host_that_is_tried()


def create_context(directory: Path, name: str, port: int) -> None:
    meta = directory / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    endpoint = {"Host": f"tcp://127.0.0.1:{port}", "SkipTLSVerify": False}
    body = {"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}
    (meta / "meta.json").write_text(json.dumps(body))


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_the_current_context_says_where_the_daemon_is(tmp_path: Path) -> None:
    port = closed_port()
    create_context(tmp_path, "mine", port)
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "mine"}))
    assert str(port) in host_that_is_tried()


def test_the_variable_goes_before_the_current_context(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ports = {"mine": closed_port(), "other": closed_port()}
    for name, port in ports.items():
        create_context(tmp_path, name, port)
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "mine"}))
    monkeypatch.setenv("DOCKER_CONTEXT", "other")
    assert str(ports["other"]) in host_that_is_tried()


def test_the_host_goes_before_any_context(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    create_context(tmp_path, "mine", 1)
    monkeypatch.setenv("DOCKER_CONTEXT", "mine")
    port = closed_port()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
    assert str(port) in host_that_is_tried()
