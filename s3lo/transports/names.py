"""Names: images as Docker names them, ``alpine`` being ``docker.io/library/alpine:latest``.

Source: github.com/distribution/reference, normalize.go ("familiar names").
"""

from __future__ import annotations

import re

from s3lo.model.reference import COMPONENT, TAG

_HUB = "docker.io"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?\Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def is_name(text: str) -> bool:
    """Whether ``[domain/]path[:tag][@digest]`` is what this is."""
    rest, at, digest = text.partition("@")
    domain, path, tag = _split(rest)
    return (
        bool(_DOMAIN.match(domain))
        and not rest.endswith(":")
        and all(COMPONENT.match(component) for component in path.split("/"))
        and (not tag or bool(TAG.match(tag)))
        and (not at or bool(_DIGEST.match(digest)))
    )


def canonical(name: str) -> str:
    """The full form, with domain and tag: two names of one image are then equal."""
    rest, at, digest = name.partition("@")
    domain, path, tag = _split(rest)
    if at:
        return f"{domain}/{path}@{digest}"
    return f"{domain}/{path}:{tag or 'latest'}"


def familiar(name: str) -> str:
    """The form in which Docker lists an image: with a tag, without the parts that go unsaid."""
    return canonical(name).removeprefix(f"{_HUB}/").removeprefix("library/")


def tag_of(name: str) -> str:
    return canonical(name).rpartition(":")[2]


def _split(name: str) -> tuple[str, str, str]:
    """Domain, path and tag. A first component is a domain when it cannot be anything else."""
    path, tag = name, ""
    head, colon, tail = name.rpartition(":")
    if colon and "/" not in tail:
        path, tag = head, tail
    domain, slash, rest = path.partition("/")
    if slash and (any(c in domain for c in ".:[") or domain == "localhost"):
        return (_HUB if domain == f"index.{_HUB}" else domain), rest, tag
    return _HUB, path if slash else f"library/{path}", tag
