"""Registry references: what ``docker pull`` takes, and what it leaves unsaid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3lo.errors import InvalidReference
from s3lo.model.digest import Digest
from s3lo.model.registry_reference import (
    RegistryReference,
    parse_registry_reference,
    parse_repository,
)

DIGEST = Digest("sha256:" + "0" * 64)


@pytest.mark.parametrize(
    ("text", "host", "repository", "tag"),
    [
        ("alpine", "docker.io", "library/alpine", "latest"),
        ("alpine:3", "docker.io", "library/alpine", "3"),
        ("docker://alpine:3", "docker.io", "library/alpine", "3"),
        ("docker.io/alpine", "docker.io", "library/alpine", "latest"),
        ("index.docker.io/alpine", "docker.io", "library/alpine", "latest"),
        ("docker.io/org/app:v1", "docker.io", "org/app", "v1"),
        ("org/app", "docker.io", "org/app", "latest"),
        ("localhost", "docker.io", "library/localhost", "latest"),
        ("localhost/app", "localhost", "app", "latest"),
        ("localhost:5000/app:v1", "localhost:5000", "app", "v1"),
        ("127.0.0.1:5000/i:t", "127.0.0.1:5000", "i", "t"),
        ("[::1]:5000/i:t", "[::1]:5000", "i", "t"),
        ("Registry.Example/i", "Registry.Example", "i", "latest"),
        ("ghcr.io/o/i/deep:t", "ghcr.io", "o/i/deep", "t"),
        ("registry:5000/a__b--c.d", "registry:5000", "a__b--c.d", "latest"),
        ("host:5000", "docker.io", "library/host", "5000"),
        ("1.dkr.ecr.eu-west-1.amazonaws.com/i:t", "1.dkr.ecr.eu-west-1.amazonaws.com", "i", "t"),
    ],
)
def test_a_tag_is_found_where_docker_would(text: str, host: str, repository: str, tag: str) -> None:
    assert parse_registry_reference(text) == RegistryReference(host, repository, tag)


@pytest.mark.parametrize("text", ["app", "app:v1", "docker://app:v1"])
def test_beside_a_digest_a_tag_is_dropped(text: str) -> None:
    reference = parse_registry_reference(f"{text}@{DIGEST}")
    assert reference == RegistryReference("docker.io", "library/app", digest=DIGEST)
    assert str(reference) == f"docker.io/library/app@{DIGEST}"
    assert reference.version == DIGEST


components = st.from_regex(r"[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
hosts = st.sampled_from(["docker.io", "localhost:5000", "ghcr.io", "[::1]:80", "A.example"])


@given(hosts, st.lists(components, min_size=2, max_size=4).map("/".join), st.booleans())
def test_what_is_taken_is_written_in_full_and_taken_again(
    host: str, repository: str, by_digest: bool
) -> None:
    text = f"{host}/{repository}" + (f"@{DIGEST}" if by_digest else ":v1")
    assert str(parse_registry_reference(text)) == text
    assert str(parse_repository(f"{host}/{repository}")) == f"{host}/{repository}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "docker://",
        "-",
        "a b",
        "app:",
        "app@",
        "app:v1:v2",
        ":v1",
        "/app",
        "app/",
        "a//b",
        "../app",
        "ghcr.io/",
        "ghcr.io/../app",
        "s3://bucket/app:v1",
        "https://ghcr.io/o/i",
        "user@host/app",
        "host:port/app",
        "-.example/app",
        "app\n",
        "app:v1\n",
        f"app@{DIGEST}\n",
        f"app:@{DIGEST}",
        f"app:v1:v2@{DIGEST}",
        "app@sha256:123",
        "app@sha512:" + "0" * 128,
        "app:" + "a" * 129,
        "a" * 256,
        "0" * 64,
    ],
)
def test_other_text_is_refused_with_a_hint_for_registries(text: str) -> None:
    with pytest.raises(InvalidReference) as raised:
        parse_registry_reference(text)
    assert "s3://" not in raised.value.hint


@pytest.mark.parametrize("text", ["Alpine", "ghcr.io/Org/app:v1"])
def test_upper_case_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidReference, match="lower case"):
        parse_registry_reference(text)


@pytest.mark.parametrize("text", ["app:v1", f"app@{DIGEST}", "app:", "ghcr.io/o/i:latest"])
def test_a_repository_has_neither_tag_nor_digest(text: str) -> None:
    with pytest.raises(InvalidReference, match="names one image"):
        parse_repository(text)


def test_a_repository_names_no_tag() -> None:
    assert parse_repository("alpine") == RegistryReference("docker.io", "library/alpine")
    with pytest.raises(InvalidReference, match="not the name"):
        parse_repository("a//b")
