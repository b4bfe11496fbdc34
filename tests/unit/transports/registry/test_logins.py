"""Logins: found in the files and helpers where docker and skopeo find them, in skopeo's order."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any

import pytest

from s3lo.errors import LocalError, UsageError
from s3lo.transports.registry import credential_helper
from s3lo.transports.registry.login import Login
from s3lo.transports.registry.logins import find_login
from tests.user_home import UserHome

HOST = "registry.test:5000"
HUB_SERVER = "https://index.docker.io/v1/"
RUNTIME, CONFIG = "run/containers/auth.json", ".config/containers/auth.json"
DOCKER, OLD_DOCKER = ".docker/config.json", ".dockercfg"


def entry(user: str, password: str = "secret") -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def auths(**logins: str) -> dict[str, Any]:
    """A file with a user for each key."""
    return {"auths": {key: entry(user) for key, user in logins.items()}}


def user_for(host: str = HOST, repository: str = "team/app") -> str | None:
    found = find_login(host, repository)
    return found.username if found else None


def test_nobody_where_there_is_nothing(home: UserHome) -> None:  # noqa: ARG001
    assert find_login(HOST, "team/app") is None


def test_files_are_searched_in_the_order_of_skopeo(home: UserHome) -> None:
    order = [RUNTIME, CONFIG, DOCKER, OLD_DOCKER]
    for name in order:
        content = auths(**{HOST: name})
        home.write(name, content["auths"] if name == OLD_DOCKER else content)
    for name in order:
        assert user_for() == name
        (home.root / name).unlink()
    assert user_for() is None


def test_variables_move_the_files(home: UserHome) -> None:
    home.write("docker/config.json", auths(**{HOST: "docker"}))
    home.set("DOCKER_CONFIG", home.root / "docker")
    assert user_for() == "docker"
    home.write("xdg/containers/auth.json", auths(**{HOST: "xdg"}))
    home.set("XDG_CONFIG_HOME", home.root / "xdg")
    assert user_for() == "xdg"


def test_a_file_that_is_named_is_the_only_one(home: UserHome) -> None:
    home.write(RUNTIME, auths(**{HOST: "runtime", "other.test": "other"}))
    home.set("REGISTRY_AUTH_FILE", home.write("mine.json", auths(**{HOST: "mine"})))
    assert user_for() == "mine"
    assert user_for("other.test") is None


def test_a_file_that_is_named_has_to_be_there(home: UserHome) -> None:
    home.set("REGISTRY_AUTH_FILE", home.root / "gone.json")
    with pytest.raises(LocalError, match=r"gone\.json.*REGISTRY_AUTH_FILE"):
        find_login(HOST, "team/app")


def test_a_file_without_the_host_sends_the_search_on(home: UserHome) -> None:
    home.write(RUNTIME, auths(**{"other.test": "other"}))
    home.write(CONFIG, "")
    home.write(DOCKER, {"auths": {HOST: {}}})
    home.write(OLD_DOCKER, {HOST: {**entry("old"), "email": "o@test"}})
    assert user_for() == "old"


def test_the_most_specific_key_wins(home: UserHome) -> None:
    home.write(RUNTIME, auths(**{HOST: "host", f"{HOST}/team": "team", f"{HOST}/team/app": "app"}))
    assert user_for() == "app"
    assert user_for(repository="team/other/deep") == "team"
    assert user_for(repository="teams/app") == "host"
    assert user_for(repository="app") == "host"


def test_the_login_of_a_namespace_is_for_no_other(home: UserHome) -> None:
    """Sent to another repository, it would show one team's secret to another's registry."""
    home.write(RUNTIME, auths(**{f"{HOST}/team/app": "app"}))
    assert user_for(repository="other/app") is None


@pytest.mark.parametrize("key", [f"https://{HOST}", f"http://{HOST}/v2/", f"https://{HOST}/v1/x"])
def test_urls_of_old_logins_are_hosts(key: str, home: UserHome) -> None:
    home.write(DOCKER, auths(**{key: "by-url"}))
    assert user_for() == "by-url"
    home.write(DOCKER, auths(**{key: "by-url", HOST: "by-host"}))
    assert user_for() == "by-host"


@pytest.mark.parametrize(
    "key", [HUB_SERVER, "docker.io", "index.docker.io", "https://registry-1.docker.io/v2/"]
)
def test_the_hub_has_many_names(key: str, home: UserHome) -> None:
    home.write(DOCKER, auths(**{key: "me"}))
    assert user_for("docker.io", "library/alpine") == "me"
    assert user_for() is None


def test_a_password_may_hold_colons_and_other_letters(home: UserHome) -> None:
    home.write(DOCKER, {"auths": {HOST: entry("üser", "a:b:ç")}})
    assert find_login(HOST, "app") == Login("üser", "a:b:ç")


def test_user_and_password_may_stand_in_the_open(home: UserHome) -> None:
    """As Kubernetes's secrets have them."""
    home.write(DOCKER, {"auths": {HOST: {"username": "u", "password": "p"}}})
    assert find_login(HOST, "app") == Login("u", "p")


def test_an_identity_token_goes_with_the_login(home: UserHome) -> None:
    home.write(DOCKER, {"auths": {HOST: {**entry("0000", ""), "identitytoken": "t0ken"}}})
    assert find_login(HOST, "app") == Login("0000", "", "t0ken")
    home.write(DOCKER, {"auths": {HOST: {"identitytoken": "t0ken"}}})
    assert find_login(HOST, "app") == Login("", "", "t0ken")


def test_what_is_given_spares_the_search(home: UserHome) -> None:
    home.write(DOCKER, "{ this is no JSON")
    assert find_login(HOST, "app", "me:pass:word") == Login("me", "pass:word")
    assert find_login(HOST, "app", "me") == Login("me", "")
    with pytest.raises(UsageError, match="no user"):
        find_login(HOST, "app", ":password")


def test_a_login_does_not_show_its_secrets() -> None:
    assert "secret" not in repr(Login("user", "secret", "secret"))


def test_a_helper_of_the_host_goes_before_the_files_own(home: UserHome) -> None:
    home.helper("mine", {HOST: ("kept", "s3cret")})
    home.write(DOCKER, {**auths(**{HOST: "file"}), "credHelpers": {HOST: "mine"}})
    assert find_login(HOST, "team/app") == Login("kept", "s3cret")
    assert home.asked("mine") == [f"get {HOST}"]


def test_a_helper_that_has_nothing_sends_the_search_on(home: UserHome) -> None:
    home.helper("mine", {})
    home.write(RUNTIME, {**auths(**{HOST: "unused"}), "credHelpers": {HOST: "mine"}})
    home.write(DOCKER, auths(**{HOST: "docker"}))
    assert user_for() == "docker"


def test_an_empty_answer_is_none(home: UserHome) -> None:
    """docker-credential-pass answers so instead of failing."""
    home.helper("pass", {HOST: ("", "")})
    home.write(DOCKER, {"credHelpers": {HOST: "pass"}})
    assert find_login(HOST, "app") is None


def test_a_store_keeps_what_the_file_does_not(home: UserHome) -> None:
    home.helper("store", {HOST: ("kept", "s")})
    home.write(DOCKER, {"auths": {HOST: {}, "open.test": entry("open")}, "credsStore": "store"})
    assert user_for() == "kept"
    assert user_for("open.test") == "open"
    assert user_for("nobody.test") is None
    assert home.asked("store") == [f"get {HOST}", "get nobody.test"]


def test_a_helper_knows_the_hub_by_its_url(home: UserHome) -> None:
    home.helper("store", {HUB_SERVER: ("docker", "s")})
    home.write(DOCKER, {"auths": {HUB_SERVER: {}}, "credsStore": "store"})
    assert user_for("docker.io", "library/alpine") == "docker"
    home.helper("store", {"docker.io": ("skopeo", "s")})
    home.write(DOCKER, {"credHelpers": {"docker.io": "store"}})
    assert user_for("docker.io", "library/alpine") == "skopeo"


def test_a_token_user_has_an_identity_token(home: UserHome) -> None:
    home.helper("store", {HOST: ("<token>", "t0ken")})
    home.write(DOCKER, {"credsStore": "store"})
    assert find_login(HOST, "app") == Login("", "", "t0ken")


def test_a_helper_that_is_asked_again_may_answer_anew(home: UserHome) -> None:
    home.write(DOCKER, {"credHelpers": {HOST: "mine"}})
    home.helper("mine", {HOST: ("u", "first")})
    assert find_login(HOST, "app") == Login("u", "first")
    home.helper("mine", {HOST: ("u", "second")})
    assert find_login(HOST, "app") == Login("u", "second")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#!/bin/sh\necho the vault is locked; exit 1", "the vault is locked"),
        ("#!/bin/sh\necho no agent >&2; exit 2", "no agent"),
        ("#!/bin/sh\nexit 3", "status 3"),
        ("#!/bin/sh\necho not JSON: s3cret", "gave no login"),
        ('#!/bin/sh\necho \'{"Username": 7, "Secret": "s3cret"}\'', "gave no login"),
        ("#!/bin/no-such-shell\n", "does not run: No such file"),
    ],
)
def test_a_broken_helper_speaks_for_itself(text: str, words: str, home: UserHome) -> None:
    home.program("docker-credential-mine", text)
    home.write(DOCKER, {"credHelpers": {HOST: "mine"}})
    with pytest.raises(LocalError, match=words) as raised:
        find_login(HOST, "app")
    assert "docker-credential-mine" in raised.value.message
    assert "s3cret" not in raised.value.message
    assert "--creds" in raised.value.hint


def test_a_helper_that_is_not_there_is_named(home: UserHome) -> None:
    home.write(DOCKER, {"credsStore": "desktop"})
    with pytest.raises(LocalError, match=r"docker-credential-desktop is not on PATH"):
        find_login(HOST, "app")


def test_a_helper_that_says_nothing_is_not_waited_for_forever(
    home: UserHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credential_helper, "_WAIT_SECONDS", 0.2)
    home.program("docker-credential-mine", "#!/bin/sh\nexec sleep 60")
    home.write(DOCKER, {"credHelpers": {HOST: "mine"}})
    with pytest.raises(LocalError, match="did not answer"):
        find_login(HOST, "app")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"auths": []}',
        '{"credHelpers": {"x": 7}}',
        '{"auths": {"registry.test:5000": "me"}}',
        '{"auths": {"registry.test:5000": {"auth": "no base64!"}}}',
        '{"auths": {"registry.test:5000": {"auth": "dXNlcg=="}}}',  # no colon
        '{"auths": {"registry.test:5000": {"auth": "/zo="}}}',  # not UTF-8
        '{"auths": {"registry.test:5000": {"auth": "ü"}}}',
        '{"auths": {"registry.test:5000": {"identitytoken": 1}}}',
    ],
)
def test_a_malformed_file_is_named(content: str, home: UserHome) -> None:
    path = home.write(DOCKER, content)
    with pytest.raises(LocalError) as raised:
        find_login(HOST, "app")
    assert str(path) in raised.value.message
    assert "docker login" in raised.value.hint


def test_a_malformed_login_of_another_host_does_no_harm(home: UserHome) -> None:
    strange = {"other.test": "me", "more.test": {"auth": "%"}, HOST: entry("me")}
    home.write(DOCKER, {"auths": strange, "HttpHeaders": {"x": "y"}, "currentContext": "z"})
    assert user_for() == "me"


def test_nulls_are_nothing(home: UserHome) -> None:
    """Go's encoder writes them where there is nothing."""
    home.write(DOCKER, {"auths": None, "credHelpers": None, "credsStore": None})
    home.write(OLD_DOCKER, {HOST: {"auth": None, "username": None}})
    assert user_for() is None


def test_a_file_that_cannot_be_read_is_named(home: UserHome) -> None:
    (home.root / DOCKER).mkdir(parents=True)
    with pytest.raises(LocalError, match=r"\.docker/config\.json"):
        find_login(HOST, "app")


def test_a_login_needs_no_heavy_imports(home: UserHome) -> None:
    """boto3 and docker cost half a second and a fifth."""
    home.helper("store", {HOST: ("kept", "s")})
    home.write(DOCKER, {"credsStore": "store"})
    text = (
        "import json, sys\n"
        "from s3lo.transports.registry.logins import find_login\n"
        f"assert find_login({HOST!r}, 'app').username == 'kept'\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert {"botocore", "boto3", "docker", "urllib3", "ssl"} & set(json.loads(ran.stdout)) == set()
