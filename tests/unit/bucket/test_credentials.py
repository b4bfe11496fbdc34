"""Credentials: who we are, found in the AWS CLI's order, without botocore where it is not needed."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from s3lo.bucket import aws_config
from s3lo.bucket.credentials import CredentialsSource, credentials_source
from s3lo.bucket.options import ConnectionOptions
from s3lo.errors import AccessDeniedError, ServiceError
from s3lo.model.objects import Credentials

ENVIRONMENT_KEYS = {"AWS_ACCESS_KEY_ID": "AKID-ENV", "AWS_SECRET_ACCESS_KEY": "secret-env"}
PROFILES = """
[default]
aws_access_key_id = AKID-DEFAULT
aws_secret_access_key = secret-default
[work]
aws_access_key_id = AKID-WORK
aws_secret_access_key = secret-work
aws_session_token = token-work
[half]
aws_access_key_id = AKID-HALF
"""


class Machine:
    """A home with AWS files and variables of its own."""

    def __init__(self, home: Path, patch: pytest.MonkeyPatch) -> None:
        self.home = home
        self._patch = patch
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        self.set(
            {
                "AWS_CONFIG_FILE": str(home / "config"),
                "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
                "AWS_EC2_METADATA_DISABLED": "true",
            }
        )

    def set(self, variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            self._patch.setenv(name, value)

    def find(self, profile: str = "", *, anonymous: bool = False) -> Credentials | None:
        options = ConnectionOptions(profile=profile, no_sign_request=anonymous)
        return credentials_source(options, aws_config.load(profile))()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_the_environment_goes_before_the_default_profile(machine: Machine) -> None:
    (machine.home / "credentials").write_text(PROFILES)
    machine.set({**ENVIRONMENT_KEYS, "AWS_SESSION_TOKEN": "token-env"})
    assert machine.find() == Credentials("AKID-ENV", "secret-env", "token-env")


def test_a_profile_that_is_asked_for_goes_before_the_environment(machine: Machine) -> None:
    (machine.home / "credentials").write_text(PROFILES)
    machine.set(ENVIRONMENT_KEYS)
    assert machine.find("work") == Credentials("AKID-WORK", "secret-work", "token-work")


def test_a_profile_variable_does_not(machine: Machine) -> None:
    """As in the AWS CLI: keys in the environment win over AWS_PROFILE."""
    (machine.home / "credentials").write_text(PROFILES)
    machine.set({**ENVIRONMENT_KEYS, "AWS_PROFILE": "work"})
    found = machine.find()
    assert found is not None
    assert found.access_key_id == "AKID-ENV"


def test_without_variables_it_is_the_profile(machine: Machine) -> None:
    (machine.home / "credentials").write_text(PROFILES)
    assert machine.find() == Credentials("AKID-DEFAULT", "secret-default")
    machine.set({"AWS_PROFILE": "work"})
    assert machine.find() == Credentials("AKID-WORK", "secret-work", "token-work")


def test_anonymous_is_nobody_whatever_there_is(machine: Machine) -> None:
    machine.set(ENVIRONMENT_KEYS)
    assert machine.find(anonymous=True) is None


def test_no_credentials_anywhere_say_what_can_be_done(machine: Machine) -> None:
    with pytest.raises(AccessDeniedError) as raised:
        machine.find()
    assert raised.value.exit_code == 4
    for way_out in ("--profile", "AWS_PROFILE", "--no-sign-request", "AWS_ACCESS_KEY_ID"):
        assert way_out in raised.value.hint


def test_nothing_is_looked_up_before_it_is_needed(machine: Machine) -> None:
    runs = _process_profile(machine, 3600)
    credentials_source(ConnectionOptions(profile="process"), aws_config.load("process"))
    assert not runs.exists()


def test_half_a_key_is_no_key(machine: Machine) -> None:
    (machine.home / "credentials").write_text(PROFILES)
    with pytest.raises(AccessDeniedError, match="secret access key is missing"):
        machine.find("half")
    machine.set({"AWS_ACCESS_KEY_ID": "AKID"})
    with pytest.raises(AccessDeniedError, match="secret access key is missing"):
        machine.find()


def _process_profile(machine: Machine, expires_in_seconds: float | None) -> Path:
    """A profile whose keys a program prints, numbered by how often it was run."""
    program, runs = machine.home / "keys.py", machine.home / "runs"
    program.write_text(
        f"#!{sys.executable}\n"
        "import datetime, json, pathlib, time\n"
        f"runs = pathlib.Path({str(runs)!r})\n"
        "count = int(runs.read_text()) + 1 if runs.exists() else 1\n"
        "runs.write_text(str(count))\n"
        "keys = {'Version': 1, 'AccessKeyId': f'AKID-{count}', 'SecretAccessKey': 's'}\n"
        f"left = {expires_in_seconds!r}\n"
        "if left is not None:\n"
        "    at = datetime.datetime.fromtimestamp(time.time() + left, datetime.timezone.utc)\n"
        "    keys['Expiration'] = at.isoformat()\n"
        "print(json.dumps(keys))\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (machine.home / "config").write_text(f"[profile process]\ncredential_process = {program}\n")
    return runs


def test_a_process_gives_credentials_with_their_expiry(machine: Machine) -> None:
    _process_profile(machine, 3600)
    found = machine.find("process")
    assert found is not None
    assert found.access_key_id == "AKID-1"
    assert found.expires_at == pytest.approx(time.time() + 3600, abs=30)


def test_credentials_are_kept_while_they_are_good(machine: Machine) -> None:
    runs = _process_profile(machine, 3600)
    source = credentials_source(ConnectionOptions(profile="process"), aws_config.load("process"))
    assert [source() for _ in range(3)] == [source()] * 3
    assert runs.read_text() == "1"


def test_credentials_are_renewed_before_they_expire(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _process_profile(machine, 901)  # botocore renews below 15 minutes
    source = credentials_source(ConnectionOptions(profile="process"), aws_config.load("process"))
    first = source()
    assert first is not None
    time.sleep(1.1)
    assert source() is first, "botocore would renew; five minutes before the end is soon enough"
    monkeypatch.setattr("s3lo.bucket.credentials.RENEW_BEFORE_SECONDS", 1000.0)
    second = source()
    assert second is not None
    assert second.access_key_id == "AKID-2"


class _Service:
    """Gives credentials that end at some time, or an error."""

    def __init__(self, expires_in_seconds: float) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.expires_at = time.time() + expires_in_seconds

    def __call__(self) -> Credentials:
        self.asked += 1
        if self.error:
            raise self.error
        return Credentials(f"AKID-{self.asked}", "s", None, self.expires_at)


def _cached(service: _Service, patch: pytest.MonkeyPatch) -> CredentialsSource:
    patch.setattr("s3lo.bucket.credentials._find", lambda *_: service)
    return credentials_source(ConnectionOptions(), aws_config.load())


@pytest.mark.parametrize(
    "error", [ServiceError("down"), AccessDeniedError("logged out"), FileNotFoundError("no such")]
)
def test_good_credentials_outlive_a_renewal_that_fails(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request of the last five minutes asked the service again, and failed with it."""
    service = _Service(expires_in_seconds=200)
    source = _cached(service, monkeypatch)
    first = source()
    service.error = error
    assert [source() for _ in range(9)] == [first] * 9
    assert service.asked == 2
    source.__dict__["_next_try"] = 0.0
    service.error = None
    second = source()
    assert second is not None and second.access_key_id == "AKID-3"


def test_expired_credentials_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    service = _Service(expires_in_seconds=-1)
    source = _cached(service, monkeypatch)
    source()
    service.error = ServiceError("down")
    with pytest.raises(ServiceError):
        source()


def test_credentials_that_stay_short_lived_are_not_asked_for_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = _Service(expires_in_seconds=200)
    source = _cached(service, monkeypatch)
    for _ in range(9):
        source()
    assert service.asked == 2


def test_a_slow_renewal_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    service = _Service(expires_in_seconds=200)
    source = _cached(service, monkeypatch)
    first = source()
    is_asked, may_go_on = threading.Event(), threading.Event()

    def slow() -> Credentials:
        is_asked.set()
        may_go_on.wait(10)
        return Credentials("AKID-SLOW", "s", None, time.time() + 3600)

    source.__dict__["_renew"] = slow
    with ThreadPoolExecutor(1) as other:
        renewal = other.submit(source)
        assert is_asked.wait(10)
        assert source() is first
        may_go_on.set()
        assert renewal.result() != first


def test_threads_that_ask_at_once_get_one_answer(machine: Machine) -> None:
    runs = _process_profile(machine, 3600)
    source = credentials_source(ConnectionOptions(profile="process"), aws_config.load("process"))
    together = threading.Barrier(4)

    def ask(_: int) -> Credentials | None:
        together.wait()
        return source()

    with ThreadPoolExecutor(4) as askers:
        assert len(set(askers.map(ask, range(4)))) == 1
    assert runs.read_text() == "1"


def test_a_process_that_fails_is_a_denial(machine: Machine) -> None:
    (machine.home / "config").write_text("[profile process]\ncredential_process = false\n")
    with pytest.raises(AccessDeniedError):
        machine.find("process")


def test_a_role_goes_before_the_keys_beside_it(machine: Machine) -> None:
    """Keys in a profile with a role are those that assume it: they are not who we are."""
    (machine.home / "config").write_text(
        "[profile role]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = missing\n"
        "aws_access_key_id = AKID\naws_secret_access_key = s\n"
    )
    with pytest.raises(AccessDeniedError, match="missing"):
        machine.find("role")


def test_a_service_of_roles_that_is_not_reached_is_no_denial(machine: Machine) -> None:
    """botocore has an error of its own for a connection that is refused."""
    (machine.home / "credentials").write_text(PROFILES)
    (machine.home / "config").write_text(
        "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = work\n"
        "max_attempts = 1\nregion = eu-west-1\n"
    )
    machine.set({"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"})
    with pytest.raises(ServiceError):
        machine.find("role")


def test_an_expired_login_says_how_to_log_in(machine: Machine) -> None:
    (machine.home / "config").write_text(
        "[profile sso]\nsso_start_url = https://x.test/start\nsso_region = eu-west-1\n"
        "sso_account_id = 123456789012\nsso_role_name = r\n"
    )
    with pytest.raises(AccessDeniedError) as raised:
        machine.find("sso")
    assert "aws sso login" in raised.value.hint


QUICK = """
import json, sys
from s3lo.bucket.connection import connect
from s3lo.bucket.options import ConnectionOptions
import s3lo.bucket.s3, s3lo.bucket.tags
options = ConnectionOptions(endpoint_url="http://127.0.0.1:1", profile=sys.argv[1])
found = connect("bucket", options).credentials()
print(json.dumps([found.access_key_id, sorted(sys.modules)]))
"""


@pytest.mark.parametrize(("profile", "key"), [("", "AKID-ENV"), ("work", "AKID-WORK")])
def test_plain_keys_need_no_heavy_imports(machine: Machine, profile: str, key: str) -> None:
    """A pull of 5 MB has 0.8 s from start to exit; botocore alone takes 0.5 s."""
    (machine.home / "credentials").write_text(PROFILES)
    machine.set(ENVIRONMENT_KEYS)
    ran = subprocess.run(
        [sys.executable, "-c", QUICK, profile], capture_output=True, text=True, check=True
    )
    found, modules = json.loads(ran.stdout)
    assert found == key
    heavy = {"botocore", "boto3", "yaml", "ssl", "http.client", "xml.etree", "concurrent.futures"}
    assert heavy & set(modules) == set()
