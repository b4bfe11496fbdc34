"""Names: images as Docker names them, ``alpine`` being ``docker.io/library/alpine:latest``.

Source: github.com/distribution/reference, normalize.go ("familiar names").
"""

from __future__ import annotations

import re

from s3lo.errors import UsageError
from s3lo.model.reference import COMPONENT, LAX_COMPONENT, TAG
from s3lo.model.registry_reference import DOMAIN, HUB, split_name

_WORDS = r"[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*"
_REFERENCE_NAME = re.compile(rf"{_WORDS}(?:/{_WORDS})*\Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def is_name(text: str) -> bool:
    """Whether ``[domain/]path[:tag][@digest]`` is what this is."""
    rest, at, digest = text.partition("@")
    domain, path, tag = split_name(rest)
    return (
        bool(DOMAIN.match(domain))
        and not rest.endswith(":")
        and all(COMPONENT.fullmatch(component) for component in path.split("/"))
        and (not tag or bool(TAG.fullmatch(tag)))
        and (not at or bool(_DIGEST.match(digest)))
    )


def check_new_name(text: str) -> None:
    """Raise UsageError where an image cannot be called this: no name, or one with a digest."""
    if not is_name(text) or "@" in text:
        raise UsageError(
            f"{text!r} is not a name for an image",
            hint="Write [HOST/]NAME[:TAG] as IMAGE_TAG, in lower case, for example app:v1.",
        )


def reference_name(name: str) -> str:
    """What an image of this name is called in an OCI layout, which is its tag.

    The tag may follow a name that Docker does not take, for stores have such. Raises UsageError.
    """
    image, _, tag = name.rpartition(":")
    if not (TAG.fullmatch(tag) and all(LAX_COMPONENT.fullmatch(part) for part in image.split("/"))):
        check_new_name(name)
    return tag_of(name)


def check_reference_name(text: str) -> None:
    """Raise UsageError where an image of a layout cannot be called this (OCI annotations.md)."""
    if not _REFERENCE_NAME.match(text):
        raise UsageError(f"{text!r} is not a reference name", hint="Write a tag, for example v1.")


def canonical(name: str) -> str:
    """The full form, with domain and tag: two names of one image are then equal."""
    rest, at, digest = name.partition("@")
    domain, path, tag = split_name(rest)
    if at:
        return f"{domain}/{path}@{digest}"
    return f"{domain}/{path}:{tag or 'latest'}"


def familiar(name: str) -> str:
    """The form in which Docker lists an image: with a tag, without the parts that go unsaid."""
    return canonical(name).removeprefix(f"{HUB}/").removeprefix("library/")


def tag_of(name: str) -> str:
    return canonical(name).rpartition(":")[2]
