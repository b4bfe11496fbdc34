"""Registries that want a password or a token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from s3lo.abreast import abreast
from s3lo.errors import AccessDeniedError
from s3lo.model.documents import Index, parse_document
from s3lo.transports.registry.client import RegistryOptions
from s3lo.transports.registry.login import Login
from tests import servers
from tests.conftest import serving
from tests.integration.registry.pushed import LOGIN, Pushed, client, push
from tests.servers import Unruly
from tests.servers.certificate import Certificate
from tests.servers.registry import PASSWORD, USER
from tests.servers.token_server import SERVICE, TokenServer
from tests.servers.unruly import Answer, Exchange


def of(login: Login | None) -> RegistryOptions:
    return RegistryOptions(login=lambda: login)


def test_a_password_is_shown_where_it_is_asked_for(pushed: Pushed) -> None:
    with serving(servers.Registry(asks_password=True)) as server:
        push(server, pushed, "org/app:v1")
        with client(server.host, options=of(LOGIN)) as registry:
            assert registry.root().digest == pushed.digest
        for login in (None, Login(USER, "wrong")):
            with client(server.host, options=of(login)) as registry:
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
    with client(guarded.host, options=of(login)) as registry:
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
    with client(guarded.host, options=of(login)) as registry:
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
        with client(server.host, options=of(LOGIN)) as registry:
            for _ in range(3):
                registry.root()
        assert len(tokens.requests) == 3


def test_a_token_that_is_refused_in_the_middle_is_renewed_once(
    guarded: servers.Registry, tokens: TokenServer, pushed: Pushed
) -> None:
    """It was taken back before it ran out."""

    def forget(exchange: Exchange) -> None:
        exchange.headers = tuple(h for h in exchange.headers if h[0].lower() != "authorization")
        exchange.reply(exchange.forward())

    with Unruly(guarded.url) as unruly:
        host = unruly.url.partition("://")[2]
        with client(host, options=of(LOGIN)) as registry:
            assert registry.root().digest == pushed.digest
            unruly.when("GET", "/manifests/", forget, times=1)
            assert registry.root().digest == pushed.digest
            assert len(tokens.requests) == 2
            unruly.when("GET", "/manifests/", forget)
            with pytest.raises(AccessDeniedError):
                registry.root()
    assert len(tokens.requests) == 3


def test_threads_that_begin_at_once_ask_for_one_token(
    guarded: servers.Registry, tokens: TokenServer
) -> None:
    with client(guarded.host, options=of(LOGIN)) as registry:
        found = list(abreast(lambda _: registry.root().digest, range(8), 8))
    assert len(set(found)) == 1
    assert len(tokens.requests) == 1


def test_a_login_that_a_token_server_refuses_is_asked_for_anew(guarded: servers.Registry) -> None:
    logins = iter([Login(USER, "old"), LOGIN])
    with client(guarded.host, options=RegistryOptions(login=lambda: next(logins))) as registry:
        registry.root()
    assert next(logins, None) is None


@pytest.fixture
def sent_elsewhere(registry: servers.Registry) -> Iterator[Unruly]:
    """A registry that sends clients to a token server without TLS."""
    challenge = 'Bearer realm="http://tokens.example/token",service="x"'

    def ask(exchange: Exchange) -> None:
        headers = (("WWW-Authenticate", challenge), ("Content-Length", "0"))
        exchange.reply(Answer(401, headers, b""))

    with Unruly(registry.url) as unruly:
        unruly.when("GET", "/v2/", ask)
        yield unruly


def test_a_password_is_not_sent_in_clear_to_a_token_server_elsewhere(
    sent_elsewhere: Unruly,
) -> None:
    """The registry is on loopback, and what it names is not."""
    host = sent_elsewhere.url.partition("://")[2]
    with client(host, options=of(LOGIN)) as registry:
        with pytest.raises(AccessDeniedError, match="without TLS") as raised:
            registry.root()
        assert "--insecure" in raised.value.hint
