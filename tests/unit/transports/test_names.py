"""Names: what Docker leaves unsaid."""

from __future__ import annotations

import pytest

from s3lo.transports.names import canonical, familiar, is_name, tag_of


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("alpine", "docker.io/library/alpine:latest"),
        ("alpine:3", "docker.io/library/alpine:3"),
        ("docker.io/alpine", "docker.io/library/alpine:latest"),
        ("org/app", "docker.io/org/app:latest"),
        ("index.docker.io/org/app:v1", "docker.io/org/app:v1"),
        ("localhost/app", "localhost/app:latest"),
        ("127.0.0.1:5000/app", "127.0.0.1:5000/app:latest"),
        ("ghcr.io/o/i:t", "ghcr.io/o/i:t"),
        ("app@sha256:" + "0" * 64, "docker.io/library/app@sha256:" + "0" * 64),
    ],
)
def test_a_name_has_one_full_form(name: str, full: str) -> None:
    assert canonical(name) == canonical(full) == full


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("docker.io/library/alpine", "alpine:latest"),
        ("docker.io/org/app:v1", "org/app:v1"),
        ("127.0.0.1:5000/app", "127.0.0.1:5000/app:latest"),
    ],
)
def test_a_name_is_listed_in_its_short_form(name: str, short: str) -> None:
    assert familiar(name) == short


def test_the_tag_is_what_follows_the_last_colon() -> None:
    assert tag_of("127.0.0.1:5000/app") == "latest"
    assert tag_of("127.0.0.1:5000/app:v1") == "v1"


@pytest.mark.parametrize(
    "text",
    ["alpine", "a/b/c:1.0", "0123456789ab", "sha256:" + "a" * 64, "h:5000/x@sha256:" + "0" * 64],
)
def test_names_and_ids_are_names(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize(
    "text", ["", "-", "Upper", "a b", "a:", "a/:b", "../x", "/abs", "a@sha256:0", "s3://b/x:y"]
)
def test_other_text_is_no_name(text: str) -> None:
    assert not is_name(text)
