"""Objects: how requests are spelled and endpoints addressed."""

from __future__ import annotations

import pickle
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.model.objects import Credentials, Endpoint, Request

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.dictionaries(texts.filter(bool), texts, max_size=4))
def test_a_query_is_read_as_it_was_meant(query: dict[str, str]) -> None:
    request = Request("GET", "ListObjectsV2", query=tuple(query.items()))
    read = parse_qsl(request.query_string, keep_blank_values=True)
    assert dict(read) == query
    assert "+" not in request.query_string


@given(texts)
def test_a_key_is_read_as_it_was_meant(key: str) -> None:
    encoded = Request("GET", "GetObject", key).encoded_key
    assert unquote(encoded) == key
    assert encoded.isascii()
    assert not set("?#+ %") & set(encoded.replace("%", "")), "only escapes have percent signs"


@pytest.mark.parametrize(
    ("endpoint", "host", "path"),
    [
        (Endpoint("bkt", "eu-west-1"), "bkt.s3.eu-west-1.amazonaws.com", "/k"),
        (Endpoint("bkt", "cn-north-1"), "bkt.s3.cn-north-1.amazonaws.com.cn", "/k"),
        (
            Endpoint("b.kt", "eu-west-1", path_style=True),
            "s3.eu-west-1.amazonaws.com",
            "/b.kt/k",
        ),
        (Endpoint("bkt", "r", "http://h:1", path_style=True), "h:1", "/bkt/k"),
        (Endpoint("bkt", "r", "https://h:1/"), "bkt.h:1", "/k"),
    ],
)
def test_an_endpoint_says_host_and_path(endpoint: Endpoint, host: str, path: str) -> None:
    assert endpoint.host == host
    assert endpoint.path(Request("GET", "GetObject", "k")) == path


def test_only_plain_http_is_without_tls() -> None:
    assert Endpoint("b", "r").is_tls
    assert Endpoint("b", "r", "https://h").is_tls
    assert not Endpoint("b", "r", "http://h").is_tls


def test_secrets_are_not_printed() -> None:
    shown = repr(Credentials("AKID", "very-secret", "token-secret"))
    assert "AKID" in shown
    assert "secret" not in shown.replace("secret_access_key", "")


def test_what_goes_to_workers_survives_pickling() -> None:
    for value in (Credentials("a", "b", "c", 1.0), Endpoint("b", "r", "http://h", True, "/ca")):
        assert pickle.loads(pickle.dumps(value)) == value
