"""Registry references: images of registries, as ``docker pull`` names them.

Source: github.com/distribution/reference, normalize.go and reference.go.
"""

from __future__ import annotations

import re

from msgspec import Struct

from s3lo.errors import InvalidReference
from s3lo.model.digest import Digest
from s3lo.model.reference import COMPONENT, TAG

HUB = "docker.io"
"""The registry of names that name none."""
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?\Z")
_IMAGE_ID = re.compile(r"[0-9a-f]{64}\Z")
_LONGEST_REPOSITORY = 255
_HINT = "Write [HOST/]NAME[:TAG] or [HOST/]NAME@sha256:DIGEST, as docker pull takes it."


class RegistryReference(Struct, frozen=True):
    """An image in a registry by tag or by digest (exactly one of them is set), or a repository
    (neither)."""

    host: str
    """As it is named, with its port: ``docker.io`` where nothing is."""
    repository: str
    tag: str = ""
    digest: Digest | None = None

    @property
    def version(self) -> str:
        """The tag or the digest, as a request for the manifest names it."""
        return self.digest or self.tag

    def __str__(self) -> str:
        name = f"{self.host}/{self.repository}"
        if self.digest:
            return f"{name}@{self.digest}"
        return f"{name}:{self.tag}" if self.tag else name


def parse_registry_reference(text: str) -> RegistryReference:
    """Take an image; without tag and digest ``latest`` is meant. Raises InvalidReference.

    Beside a digest a tag says nothing more, and is dropped.
    """
    name, at, digest = _bare(text).partition("@")
    host, repository, tag = split_name(name)
    _check(host, repository, text)
    if name.endswith(":") or (tag and not TAG.fullmatch(tag)):
        raise InvalidReference(f"{text!r}: {tag!r} is not a tag", hint=_HINT)
    if at:
        return RegistryReference(host, repository, digest=Digest.parse(digest))
    return RegistryReference(host, repository, tag or "latest")


def parse_repository(text: str) -> RegistryReference:
    """Take a repository, all of whose tags are meant; raises InvalidReference where one is named."""
    bare = _bare(text)
    host, repository, tag = split_name(bare.partition("@")[0])
    if tag or "@" in bare or bare.endswith(":"):
        raise InvalidReference(
            f"{text!r} names one image where all of a repository are meant",
            hint="Leave tag and digest out.",
        )
    _check(host, repository, text)
    return RegistryReference(host, repository)


def split_name(name: str) -> tuple[str, str, str]:
    """Domain, path and tag of a name without digest. A first component is a domain when it cannot be
    anything else."""
    path, tag = name, ""
    head, colon, tail = name.rpartition(":")
    if colon and "/" not in tail:
        path, tag = head, tail
    domain, slash, rest = path.partition("/")
    is_domain = slash and (any(c in domain for c in ".:[") or domain == "localhost")
    if is_domain and domain not in (HUB, f"index.{HUB}"):
        return domain, rest, tag
    if is_domain:
        path = rest
    return HUB, path if "/" in path else f"library/{path}", tag


def _bare(text: str) -> str:
    """Without the scheme that skopeo wants."""
    return text.removeprefix("docker://")


def _check(host: str, repository: str, text: str) -> None:
    if not DOMAIN.match(host):
        raise InvalidReference(f"{text!r}: {host!r} is not a host", hint=_HINT)
    if _IMAGE_ID.match(_bare(text)):
        raise InvalidReference(
            f"{text!r} is an image's id, by which registries know none", hint=_HINT
        )
    if all(COMPONENT.fullmatch(component) for component in repository.split("/")):
        if len(repository) > _LONGEST_REPOSITORY:
            raise InvalidReference(
                f"{text!r} is longer than a name may be ({_LONGEST_REPOSITORY})", hint=_HINT
            )
        return
    if all(COMPONENT.fullmatch(component) for component in repository.lower().split("/")):
        raise InvalidReference(
            f"{text!r}: names in registries are in lower case", hint="Write it in lower case."
        )
    raise InvalidReference(f"{text!r} is not the name of an image in a registry", hint=_HINT)
