"""Store moves: how blobs get from one store into another, by what the two are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from s3lo import beneath
from s3lo.abreast import abreast
from s3lo.bucket import keys
from s3lo.bucket.copy_answers import NotCopied
from s3lo.bucket.local import LocalStore
from s3lo.bucket.s3 import S3Store
from s3lo.bucket.server_copy import ServerCopy, is_one_service
from s3lo.cpus import usable_cpus
from s3lo.engine.file_digest import require_digest
from s3lo.engine.transfers import Download
from s3lo.errors import NotFoundError
from s3lo.events import BlobDone, BytesMoved, Note
from s3lo.model.documents import Descriptor
from s3lo.operations.copying.origin import Means, Moved
from s3lo.operations.copying.relayed import Relaying, relayed
from s3lo.operations.depot import Depot
from s3lo.operations.landing import Landing

_COPIED_AT_A_TIME = 16
_FILES_AT_A_TIME = 64
"""That are received before they are put where they belong: each is open meanwhile."""


def by_service(
    source: S3Store, landing: Landing, blobs: Sequence[Descriptor], means: Means
) -> Moved:
    """Have the service copy; what it does not copy passes through this machine."""
    target = landing.store
    assert isinstance(target, S3Store)
    if not is_one_service(target.endpoint, source.endpoint):
        return _through(source, landing, blobs, means)
    with ServerCopy(target, source, landing.storage, means.cancel) as copy:
        left = _not_copied(copy, blobs, landing, means)
    return _through(source, landing, left, means)


def _not_copied(
    copy: ServerCopy, blobs: Sequence[Descriptor], landing: Landing, means: Means
) -> Sequence[Descriptor]:
    """Have them copied; gives those that the service did not copy."""

    def is_copied(blob: Descriptor) -> bool:
        def tell(count: int) -> None:
            means.observer(BytesMoved("transfer", count))

        key = keys.blob_key(blob.digest)
        try:
            copy.copy(key, blob.size, if_absent=not landing.is_forced, copied=tell)
        except NotCopied as refused:
            means.observer(Note(f"{refused.message}: it passes through this machine", level=1))
            return False
        means.observer(BlobDone(blob.digest, blob.size))
        return True

    first, *others = sorted(blobs, key=lambda blob: blob.size)
    if not is_copied(first):  # so will the others be refused
        return blobs
    copied = abreast(is_copied, others, _COPIED_AT_A_TIME, copy.is_over)
    return [blob for blob, is_done in zip(others, list(copied), strict=True) if not is_done]


def into_files(
    source: Depot, target: LocalStore, blobs: Sequence[Descriptor], means: Means
) -> Moved:
    """Receive into files of the store, which get their names when they have proven right."""
    moved = Moved()
    for start in range(0, len(blobs), _FILES_AT_A_TIME):
        batch = blobs[start : start + _FILES_AT_A_TIME]
        with ExitStack() as stack:
            files = [
                stack.enter_context(beneath.begin(target.root, keys.blob_key(blob.digest)))
                for blob in batch
            ]
            downloads = [
                Download(blob.digest, blob.size, keys.blob_key(blob.digest), file.path)
                for blob, file in zip(batch, files, strict=True)
            ]
            report = source.engine.download(downloads, means.observer, means.cancel)
            for file in files:
                file.commit()
        count = moved.bytes_transferred + sum(blob.size for blob in batch)
        moved = Moved(count, report)
    return moved


def of_files(
    source: LocalStore, landing: Landing, blobs: Sequence[Descriptor], means: Means
) -> Moved:
    """Send, or copy, from the files where they lie."""
    uploads = [landing.upload(blob.digest, blob.size, _file_of(source, blob)) for blob in blobs]
    report = landing.engine.upload(uploads, means.observer, means.cancel)
    return Moved(sum(blob.size for blob in blobs), report)


def second_names(
    source: LocalStore, landing: Landing, blobs: Sequence[Descriptor], means: Means
) -> Moved:
    """Give the files of one store names in the other, where they lie in one file system."""
    target = landing.store
    assert isinstance(target, LocalStore)

    def is_named(blob: Descriptor) -> bool:
        path = _file_of(source, blob)
        require_digest(path, 0, blob.size, blob.digest)
        try:
            beneath.adopt(target.root, keys.blob_key(blob.digest), path)
        except beneath.NotAdopted:
            return False
        means.observer(BytesMoved("transfer", blob.size))
        means.observer(BlobDone(blob.digest, blob.size))
        return True

    named = abreast(is_named, blobs, usable_cpus())
    left = [blob for blob, is_done in zip(blobs, named, strict=True) if not is_done]
    return of_files(source, landing, left, means) if left else Moved()


def _through(source: S3Store, landing: Landing, blobs: Sequence[Descriptor], means: Means) -> Moved:
    found = abreast(lambda b: source.head(keys.blob_key(b.digest)), blobs, _COPIED_AT_A_TIME)
    classes = {
        blob.digest: each.storage_class for blob, each in zip(blobs, found, strict=True) if each
    }
    opening, name = partial(_Ranges, source), str(source.location)
    return relayed(blobs, landing, Relaying(opening, name, means, classes))


class _Ranges:
    """A range of a stored object, for a relay."""

    def __init__(self, source: S3Store, blob: Descriptor, start: int, end: int) -> None:
        self.end = end
        self._read = partial(source.read_range, keys.blob_key(blob.digest), start, end - start)

    def __iter__(self) -> Iterator[bytes]:
        yield self._read()

    def close(self) -> None:
        """Nothing is held."""


def _file_of(source: LocalStore, blob: Descriptor) -> Path:
    found = source.head(keys.blob_key(blob.digest))
    if found is None:
        raise NotFoundError(f"not there: {source.location}{keys.blob_key(blob.digest)}")
    return source.root / keys.blob_key(blob.digest)
