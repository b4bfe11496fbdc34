"""Selection: some platforms of an index, and the index that these make by themselves.

What attests a platform (a build's provenance, an SBOM) names it in an annotation, as BuildKit writes
them, and goes where it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from s3lo.errors import NotFoundError
from s3lo.model.documents import Descriptor, Index, decode, encode, parse_document
from s3lo.model.platform import Platform

SUBJECT = "vnd.docker.reference.digest"
"""The annotation by which an attestation names what it is of."""


def entries_for(
    index: Index,
    platforms: tuple[Platform, ...],
    is_usable: Callable[[Descriptor], bool] = lambda _: True,
) -> tuple[Descriptor, ...]:
    """The entries that run on these platforms, each once; all entries where none is named.

    Raises NotFoundError, which says what there is, for a platform that is not there or not usable.
    """
    if not platforms:
        return index.manifests
    return tuple(dict.fromkeys(_entry_for(index, platform, is_usable) for platform in platforms))


def _entry_for(
    index: Index, platform: Platform, is_usable: Callable[[Descriptor], bool]
) -> Descriptor:
    entry = index.select(platform)
    if entry is None or not is_usable(entry):
        runnable = (each for each in index.manifests if not each.is_attestation)
        there = [each.platform for each in runnable if is_usable(each)]
        raise no_platform(platform, tuple(each for each in there if each))
    return entry


def no_platform(wanted: Platform, there: tuple[Platform, ...]) -> NotFoundError:
    listed = ", ".join(map(str, there)) or "none"
    return NotFoundError(f"the image is not there for {wanted}", hint=f"It is for: {listed}.")


def with_attestations(index: Index, entries: Collection[Descriptor]) -> tuple[Descriptor, ...]:
    """These entries of an index and what attests them, in its order."""
    named = {entry.digest for entry in entries}
    return tuple(
        entry for entry in index.manifests if entry in entries or entry.annotation(SUBJECT) in named
    )


def narrowed(index: Index, kept: Collection[Descriptor]) -> Index:
    """The index of some of its entries, written anew, all else as it was; the same index where these
    are all."""
    if len(kept) == len(index.manifests):
        return index
    body: dict[str, Any] = decode(index.raw, "index")
    listed = zip(body["manifests"], index.manifests, strict=True)
    entries = [entry for entry, descriptor in listed if descriptor in kept]
    made = parse_document(encode({**body, "manifests": entries}), index.media_type)
    assert isinstance(made, Index)
    return made
