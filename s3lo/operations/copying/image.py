"""Image: one image from where it is into a store. Blobs first, the tag last, as every push.

origin ──► documents: root, what it names, down to the manifests      (closure)
       ──► blobs that the store lacks: moved, proven                  (origin.move)
then the documents below the root, the tag (see ``publication``), and what is
attached to the image's manifests, tag by tag, in the same way.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Event

from msgspec import Struct
from msgspec.structs import replace

from s3lo.engine.report import EngineReport
from s3lo.engine.transfers import Upload
from s3lo.errors import NotFoundError
from s3lo.events import Note, Observer
from s3lo.memory_file import MemoryFile
from s3lo.model import media_types
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor, Document, Index, Manifest, parse_config
from s3lo.model.platform import Platform
from s3lo.model.selection import no_platform
from s3lo.operations.copying.attachments import merged
from s3lo.operations.copying.closure import Closure, read_closure, selected
from s3lo.operations.copying.origin import Moved, Origin
from s3lo.operations.landing import Landing
from s3lo.operations.phase import Phase
from s3lo.operations.publication import Publication, publish
from s3lo.operations.results import CopyResult


class Copying(Struct, frozen=True):
    """What of an image is copied, and how."""

    source: str
    """How it is written."""
    platforms: tuple[Platform, ...]
    with_attached: bool
    observer: Observer
    cancel: Event | None = None


class _Copied(Struct, frozen=True):
    """What came of one tag."""

    moved: frozenset[Digest]
    bytes_transferred: int
    report: EngineReport


def copy_image(origin: Origin, landing: Landing, how: Copying) -> CopyResult:
    """Copy an image; when it returns, its tag is visible and all that it needs is there."""
    started_at = time.monotonic()
    with Phase("resolve", how.observer):
        came = origin.root()
        root = selected(came, how.platforms, origin.document)
        closure = read_closure(root, origin.document)
        platforms = _platforms_of(closure, origin, how.platforms)
    if root.digest != came.digest:
        named = ", ".join(map(str, how.platforms))
        how.observer(Note(f"only {named}: the digest is {root.digest}, no longer {came.digest}"))
    is_immutable = landing.check_rules(how.observer, unless=root.digest)
    copied = _copy(closure, origin, landing, how, is_immutable=is_immutable)
    attached = _copy_attached(closure, origin, landing, how) if how.with_attached else ()
    everything = (copied, *attached)
    skipped = len({blob.digest for blob in closure.needed} - copied.moved)
    return CopyResult(
        source=how.source,
        reference=str(landing.target),
        digest=str(root.digest),
        platforms=tuple(map(str, platforms)),
        blobs_copied=sum(len(each.moved) for each in everything),
        blobs_skipped=skipped,
        attached=len(attached),
        bytes_transferred=sum(each.bytes_transferred for each in everything),
        seconds=time.monotonic() - started_at,
        engine=copied.report,
    )


def _platforms_of(
    closure: Closure, origin: Origin, wanted: tuple[Platform, ...]
) -> tuple[Platform, ...]:
    """What the image runs on, as its index or its config says; an artifact runs on nothing."""
    root = closure.root
    if isinstance(root, Index):
        return root.platforms
    if root.config.media_type not in media_types.CONFIGS:
        return ()
    there = parse_config(origin.config(root.config)).platform
    for platform in wanted:
        if not there.satisfies(platform):
            raise no_platform(platform, (there,))
    return (there,)


def _copy(
    closure: Closure, origin: Origin, landing: Landing, how: Copying, *, is_immutable: bool = False
) -> _Copied:
    began_at = time.monotonic()
    missing = closure.needed if landing.is_forced else landing.missing(closure.needed)
    moved = _bring(missing, closure, origin, landing, how)
    more_bytes = 0

    def restore(gone: Sequence[Descriptor]) -> None:
        nonlocal more_bytes
        more_bytes += _bring(gone, closure, origin, landing, how).bytes_transferred

    brought = {blob.digest for blob in missing}
    target = landing.target
    publication = Publication(
        target.image,
        target.tag,
        closure.root.raw,
        closure.needed,
        is_immutable,
        brought,
        began_at,
    )
    with Phase("publish", how.observer):
        restored = publish(landing.store, publication, restore, how.observer)
    report = moved.report
    assert report
    return _Copied(frozenset(brought | restored), moved.bytes_transferred + more_bytes, report)


def _bring(
    wanted: Sequence[Descriptor],
    closure: Closure,
    origin: Origin,
    landing: Landing,
    how: Copying,
) -> Moved:
    """Blobs and documents alike; the report is of what moved the most."""
    digests = {blob.digest for blob in wanted}
    blobs = [blob for blob in closure.blobs if blob.digest in digests]
    documents = [each for each in closure.documents if each.digest in digests]
    with Phase("transfer", how.observer, sum(blob.size for blob in wanted)):
        moved = origin.move(blobs, landing)
        report = moved.report
        if documents or report is None:
            of_documents = _upload_documents(documents, landing, how)
            report = report or of_documents
    count = moved.bytes_transferred + sum(len(each.raw) for each in documents)
    return Moved(count, report)


def _upload_documents(
    documents: Sequence[Document], landing: Landing, how: Copying
) -> EngineReport:
    file = MemoryFile(sum(len(each.raw) for each in documents))
    try:
        uploads: list[Upload] = []
        offset = 0
        for each in documents:
            file.write(offset, each.raw)
            uploads.append(
                landing.upload(each.digest, len(each.raw), file.path, offset, is_verified=True)
            )
            offset += len(each.raw)
        return landing.engine.upload(uploads, how.observer, how.cancel)
    finally:
        file.close()


def _copy_attached(
    closure: Closure, origin: Origin, landing: Landing, how: Copying
) -> tuple[_Copied, ...]:
    """What is attached to the root and to what runs, under the tags that say so."""
    attesting = {entry.digest for entry in closure.entries if entry.is_attestation}
    documents = (closure.root, *closure.documents)
    digests = [each.digest for each in documents if each.digest not in attesting]
    done = []
    for tag, document in origin.attached(digests):
        beside = replace(landing, target=replace(landing.target, tag=tag))
        done.append(_copy_attachment(document, origin, beside, how))
    if done:
        how.observer(Note(f"{len(done)} tags with what refers to the image came along", level=1))
    return tuple(done)


def _copy_attachment(
    document: Manifest | Index, origin: Origin, landing: Landing, how: Copying
) -> _Copied:
    """One of them; what else a list of referrers has there already stays in it. Rules are about
    images: that an image is immutable keeps nobody from signing it."""
    try:
        closure = read_closure(document, origin.document)
    except NotFoundError as error:
        error.message = f"{error.message}, which refers to the image (--no-referrers leaves it)"
        raise
    there = merged(landing, document)
    return _copy(replace(closure, root=there), origin, replace(landing, is_forced=False), how)
