"""Failures: what a registry's refusals stand for."""

from __future__ import annotations

import pytest

from s3lo.errors import (
    AccessDeniedError,
    NotFoundError,
    S3loError,
    ServiceError,
    ThrottledError,
)
from s3lo.transports.registry.failures import Refusal, error_from


def said(code: str, message: str = "so it is") -> bytes:
    return b'{"errors":[{"code":"%s","message":"%s"}]}' % (code.encode(), message.encode())


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, said("MANIFEST_UNKNOWN"), NotFoundError),
        (404, said("NAME_UNKNOWN"), NotFoundError),
        (404, b"404 page not found", NotFoundError),
        (400, said("NAME_UNKNOWN"), NotFoundError),
        (401, said("UNAUTHORIZED"), AccessDeniedError),
        (403, said("DENIED"), AccessDeniedError),
        (403, b"<html>", AccessDeniedError),
        (404, said("DENIED"), AccessDeniedError),
        (429, said("TOOMANYREQUESTS"), ThrottledError),
        (429, b"", ThrottledError),
        (403, said("TOOMANYREQUESTS"), ThrottledError),
        (400, said("UNSUPPORTED"), ServiceError),
        (405, b"", ServiceError),
        (503, b"\xff\xfe", ServiceError),
        (500, b'{"errors":[]}', ServiceError),
        (500, b'{"errors":[{"code":"UNKNOWN","message":null,"detail":{}}]}', ServiceError),
    ],
)
def test_status_and_code_decide(status: int, body: bytes, kind: type[S3loError]) -> None:
    error = error_from(Refusal("host", status, body), "host/app:v1", "host")
    assert type(error) is kind
    assert "host/app:v1" in error.message
    assert str(status) in error.message


def test_a_denial_says_both_of_what_it_may_mean() -> None:
    error = error_from(Refusal("h", 401), "docker.io/library/nosuch:v1", "docker.io")
    for part in ("does not exist", "private", "docker login docker.io", "--creds"):
        assert part in error.hint


def test_who_is_throttled_is_told_to_log_in() -> None:
    body = said("TOOMANYREQUESTS", "You have reached your pull rate limit.")
    error = error_from(Refusal("registry-1.docker.io", 429, body), "x", "docker.io")
    assert "docker login docker.io" in error.hint
    assert "pull rate limit" in error.message


def test_what_a_registry_writes_cannot_reach_a_terminal_as_it_is() -> None:
    body = b'{"errors":[{"code":"DENIED","message":"\\u001b[2Jx\\n%s"}]}' % (b"y" * 1000)
    message = error_from(Refusal("h", 403, body), "x", "h").message
    assert message.isprintable()
    assert len(message) < 500
