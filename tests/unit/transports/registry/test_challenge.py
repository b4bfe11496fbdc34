"""Challenges: what ``WWW-Authenticate`` may look like (RFC 9110, section 11.6.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.transports.registry.challenge import Challenge, parse_challenges


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", ()),
        ("Basic", (Challenge("basic"),)),
        ('Basic realm="a, b"', (Challenge("basic", {"realm": "a, b"}),)),
        ('BASIC Realm = "x"', (Challenge("basic", {"realm": "x"}),)),
        (
            'Bearer realm="https://auth.example/token?a=b",service="r",scope="repository:a/b:pull,push"',
            (
                Challenge(
                    "bearer",
                    {
                        "realm": "https://auth.example/token?a=b",
                        "service": "r",
                        "scope": "repository:a/b:pull,push",
                    },
                ),
            ),
        ),
        (
            'Bearer realm="https://a/token", error=invalid_token',
            (Challenge("bearer", {"realm": "https://a/token", "error": "invalid_token"}),),
        ),
        ('Basic realm="a \\"b\\" \\\\ c"', (Challenge("basic", {"realm": 'a "b" \\ c'}),)),
        (
            'Negotiate, Basic realm="x", Bearer realm="https://a",service="s"',
            (
                Challenge("negotiate"),
                Challenge("basic", {"realm": "x"}),
                Challenge("bearer", {"realm": "https://a", "service": "s"}),
            ),
        ),
        (
            'Negotiate YII/abc+d==, Basic realm="x"',
            (Challenge("negotiate"), Challenge("basic", {"realm": "x"})),
        ),
        (
            'Basic realm="x",, ,Digest a=1',
            (Challenge("basic", {"realm": "x"}), Challenge("digest", {"a": "1"})),
        ),
        ('Bearer realm="a",realm="b"', (Challenge("bearer", {"realm": "a"}),)),
        ('Basic realm="never ends', (Challenge("basic"),)),
        ("=nonsense", ()),
    ],
)
def test_a_header_is_taken_apart(header: str, found: tuple[Challenge, ...]) -> None:
    assert parse_challenges(header) == found


@given(st.text(st.sampled_from('aB=",\\ ~;/'), max_size=40))
def test_no_header_is_an_error_or_without_an_end(header: str) -> None:
    for challenge in parse_challenges(header):
        assert challenge.scheme == challenge.scheme.lower() != ""


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30))
def test_any_text_may_stand_inside_of_quotes(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    [found] = parse_challenges(f'Bearer realm="{escaped}",service=s')
    assert found.parameters == {"realm": text, "service": "s"}
