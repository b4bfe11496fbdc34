"""Token servers that are busy, broken, elsewhere, or none."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from s3lo.errors import AccessDeniedError, ServiceError, ThrottledError
from s3lo.transports.registry.client import Registry, RegistryOptions
from s3lo.transports.registry.login import Login
from tests.faults.registry.served import LOGIN, Served, header, opened, redirect_to, saying
from tests.servers import Unruly
from tests.servers.unruly import Answer, Exchange, reset

TOKEN = saying(200, b'{"token":"t","expires_in":"300"}')


@pytest.fixture
def tokens(served: Served) -> Iterator[Unruly]:
    """What it answers is for each test to say."""
    with Unruly(served.registry.url) as server:
        yield server


@pytest.fixture
def guarded(unruly: Unruly, tokens: Unruly) -> Unruly:
    """Lets those in who bring the token ``t``."""

    def guard(exchange: Exchange) -> None:
        if header(exchange, "authorization") == "Bearer t":
            exchange.reply(exchange.forward())
            return
        challenge = ("WWW-Authenticate", f'Bearer realm="{tokens.url}/token?x=1",service="s"')
        exchange.reply(Answer(401, (challenge, ("Content-Length", "0")), b""))

    unruly.when("GET", "/v2/faults/", guard)
    return unruly


@pytest.fixture
def client(guarded: Unruly) -> Iterator[Registry]:
    with opened(guarded.url, options=RegistryOptions(login=lambda: LOGIN)) as registry:
        yield registry


def test_a_token_server_that_is_busy_or_breaks_is_asked_again(
    client: Registry, tokens: Unruly, served: Served
) -> None:
    tokens.when("GET", "/token", saying(503), times=1)
    tokens.when("GET", "/token", saying(429, Retry_After="0"), times=1)
    tokens.when("GET", "/token", reset, times=1)
    tokens.when("GET", "/token", TOKEN)
    assert client.root().digest == served.manifest
    assert tokens.count("GET", "/token?x=1&scope=repository%3Afaults%2Fapp%3Apull") == 4


def test_a_limit_of_the_token_server_is_told_as_one(client: Registry, tokens: Unruly) -> None:
    tokens.when("GET", "/token", saying(429, Retry_After="900"))
    with pytest.raises(ThrottledError):
        client.root()


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"{}", b'{"token":""}', b'{"token":7}', b'{"token":"a\\nb"}', b"\xff", b"[]"],
)
def test_what_gives_no_token_is_no_token_server(
    client: Registry, tokens: Unruly, body: bytes
) -> None:
    tokens.when("GET", "/token", saying(200, body))
    with pytest.raises(ServiceError, match="token"):
        client.root()


def test_a_token_server_that_sends_on_has_the_login_to_itself(
    client: Registry, tokens: Unruly, served: Served
) -> None:
    own: list[str] = []
    other: list[str] = []
    with Unruly(served.registry.url) as elsewhere:

        def send_on(exchange: Exchange) -> None:
            own.append(header(exchange, "authorization"))
            redirect_to(elsewhere.url)(exchange)

        def give(exchange: Exchange) -> None:
            other.append(header(exchange, "authorization"))
            TOKEN(exchange)

        tokens.when("GET", "/token", send_on)
        elsewhere.when("GET", "/token", give)
        assert client.root().digest == served.manifest
    shown = base64.b64encode(f"{LOGIN.username}:{LOGIN.password}".encode()).decode()
    assert own == [f"Basic {shown}"]
    assert other == [""]


def test_an_identity_token_is_sent_nowhere_else(guarded: Unruly, tokens: Unruly) -> None:
    tokens.when("POST", "/token", redirect_to("http://127.0.0.1:9"))
    options = RegistryOptions(login=lambda: Login("", "", "identity"))
    with opened(guarded.url, options=options) as registry, pytest.raises(ServiceError, match="307"):
        registry.root()


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_login_is_told_with_who_it_was(
    client: Registry, tokens: Unruly, status: int
) -> None:
    tokens.when("GET", "/token", saying(status))
    with pytest.raises(AccessDeniedError, match=f"login of {LOGIN.username}"):
        client.root()
    assert tokens.count("GET", "/token") == 1


@pytest.mark.parametrize("realm", ["", "token", "file:///etc/passwd", "http://[", "https://"])
def test_a_challenge_that_leads_nowhere_is_told(unruly: Unruly, realm: str) -> None:
    challenge = f'Bearer realm="{realm}"'
    unruly.when("GET", "/v2/faults/", saying(401, WWW_Authenticate=challenge))
    with opened(unruly.url) as registry, pytest.raises(ServiceError, match="no token server"):
        registry.root()


def test_a_wider_scope_is_asked_for_where_the_registry_names_one(
    unruly: Unruly, tokens: Unruly, served: Served
) -> None:
    """Registries that copy from others want one for these, too."""

    def guard(exchange: Exchange) -> None:
        if header(exchange, "authorization") == "Bearer wide":
            exchange.reply(exchange.forward())
            return
        challenge = f'Bearer realm="{tokens.url}/token",error="insufficient_scope",scope="a:b:c"'
        saying(401, WWW_Authenticate=challenge)(exchange)

    unruly.when("GET", "/v2/faults/", guard)
    tokens.when("GET", "scope=a%3Ab%3Ac", saying(200, b'{"token":"wide"}'))
    tokens.when("GET", "/token", saying(200, b'{"token":"narrow"}'))
    with opened(unruly.url) as registry:
        assert registry.root().digest == served.manifest
        assert registry.root().digest == served.manifest
    assert tokens.count("GET", "/token") == 2
