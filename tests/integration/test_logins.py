"""Logins that skopeo has written are found where it writes them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from s3lo.errors import AccessDeniedError, NotFoundError
from s3lo.model.registry_reference import parse_registry_reference
from s3lo.transports.registry import client
from s3lo.transports.registry.login import Login
from s3lo.transports.registry.logins import find_login
from tests.conftest import missing, serving
from tests.servers import Missing, Registry
from tests.servers.registry import PASSWORD, USER
from tests.user_home import UserHome


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UserHome:
    home = UserHome(tmp_path, monkeypatch)
    (tmp_path / "run").mkdir()
    return home


def _log_in(registry: Registry, user: str, password: str, *options: str) -> None:
    if not shutil.which("skopeo"):
        missing(Missing("skopeo is not installed: apt-get install skopeo"))
    command = ["skopeo", "login", "--tls-verify=false", "--username", user, "--password-stdin"]
    subprocess.run(
        [*command, *options, registry.host],
        input=password.encode(),
        check=True,
        capture_output=True,
    )


def test_a_login_of_skopeo_is_found(registry: Registry, home: UserHome) -> None:
    _log_in(registry, "me", "pass:word ü")
    assert (home.root / "run/containers/auth.json").exists()
    assert find_login(registry.host, "team/app") == Login("me", "pass:word ü")


def test_a_login_in_a_file_that_is_named_is_found(registry: Registry, home: UserHome) -> None:
    home.set("REGISTRY_AUTH_FILE", home.root / "named.json")
    _log_in(registry, "named", "secret")
    assert find_login(registry.host, "team/app") == Login("named", "secret")


def test_a_login_in_a_helper_of_skopeos_is_found(registry: Registry, home: UserHome) -> None:
    """skopeo keeps it with the helper that the file names, and we ask the same."""
    home.program("docker-credential-plain", _PLAIN.format(kept=str(home.root / "kept")))
    home.write("run/containers/auth.json", {"credHelpers": {registry.host: "plain"}})
    _log_in(registry, "me", "secret")
    assert (home.root / "kept").exists()
    assert find_login(registry.host, "team/app") == Login("me", "secret")


def test_a_login_that_was_found_opens_the_registry(home: UserHome) -> None:
    with serving(Registry(asks_password=True)) as registry:
        reference = parse_registry_reference(f"{registry.host}/team/app:v1")

        def root() -> None:
            options = client.RegistryOptions(login=lambda: find_login(registry.host, "team/app"))
            asked = client.Registry(reference, options)
            try:
                asked.root()
            finally:
                asked.close()

        with pytest.raises(AccessDeniedError):
            root()
        _log_in(registry, USER, PASSWORD)
        assert (home.root / "run/containers/auth.json").exists()
        with pytest.raises(NotFoundError):
            root()


_PLAIN = """#!/bin/sh
case "$1" in
store) cat > {kept} ;;
get) cat {kept} 2>/dev/null || {{ echo credentials not found in native keychain; exit 1; }} ;;
list) echo '{{}}' ;;
esac
"""
