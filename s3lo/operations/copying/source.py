"""Copy source: what SOURCE of a copy means, one image or all that go by one name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from s3lo.errors import InvalidReference, UsageError
from s3lo.model.reference import (
    ImageReference,
    Location,
    parse_image_reference,
    parse_rules_target,
)
from s3lo.model.registry_reference import (
    RegistryReference,
    parse_registry_reference,
    parse_repository,
)
from s3lo.transports.source import LayoutSource

_OTHERS = (
    "docker-archive",
    "oci-archive",
    "docker-daemon",
    "containers-storage",
    "dir",
    "sif",
    "tarball",
)
"""Transports of skopeo's that are none of copy's: their names would pass for those of images."""
_HINT = "Write a registry's image as docker pull takes it, s3://…, local://… or oci:DIR[:NAME]."

CopySource = RegistryReference | ImageReference | LayoutSource
IsStore = Callable[[str], bool]


class Images(Struct, frozen=True):
    """An image of a store by its name alone: all of its tags."""

    location: Location
    image: str

    def tagged(self, tag: str) -> ImageReference:
        return ImageReference(self.location, self.image, tag)

    def __str__(self) -> str:
        return f"{self.location}{self.image}"


CopyRepository = RegistryReference | Images


def parse_copy_source(text: str, is_store: IsStore) -> CopySource:
    """Take a SOURCE. Raises UsageError for what is none."""
    if _is_in_store(text):
        return parse_image_reference(text, is_store)
    scheme, _, rest = text.partition(":")
    if scheme == "oci":
        path, _, name = rest.partition(":")
        if not path:
            raise UsageError(f"{text!r} names no path", hint=_HINT)
        return LayoutSource(Path(path), name)
    _refuse_others(text, scheme, rest)
    return parse_registry_reference(text)


def parse_copy_repository(text: str, is_store: IsStore) -> CopyRepository:
    """Take a SOURCE of which all tags are meant; raises UsageError where it names one of them."""
    if _is_in_store(text):
        return parse_images(text, is_store)
    scheme, _, rest = text.partition(":")
    if scheme == "oci":
        raise UsageError("a layout is no repository with tags", hint="Copy its images one by one.")
    _refuse_others(text, scheme, rest)
    return parse_repository(text)


def parse_images(text: str, is_store: IsStore) -> Images:
    """Take an image of a store without a tag."""
    target = parse_rules_target(text, is_store)
    if target.tag or "@" in target.pattern or "*" in target.pattern or not target.pattern:
        raise InvalidReference(
            f"{text!r} is not the name of an image alone",
            hint="With --all-tags write s3://bucket/image, without a tag.",
        )
    return Images(target.location, target.pattern)


def tagged(repository: CopyRepository, tag: str) -> CopySource:
    """One image of a repository."""
    if isinstance(repository, Images):
        return repository.tagged(tag)
    return RegistryReference(repository.host, repository.repository, tag)


def name_of(source: CopySource) -> str:
    """How it is written."""
    if isinstance(source, LayoutSource):
        return f"oci:{source.directory}" + (f":{source.name}" if source.name else "")
    return str(source)


def _is_in_store(text: str) -> bool:
    return text.startswith(("s3://", "local://"))


def _refuse_others(text: str, scheme: str, rest: str) -> None:
    if scheme in _OTHERS or text == "-":
        raise UsageError(
            f"{text!r} is not a source of copy", hint=f"Images of this machine are pushed. {_HINT}"
        )
    if rest.startswith("//") and scheme != "docker":
        raise UsageError(f"{scheme}:// is not a transport", hint=_HINT)
