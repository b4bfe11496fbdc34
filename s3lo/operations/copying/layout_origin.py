"""Layout origin: an image of an OCI layout, taken as it is: nothing of it is compressed or changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from s3lo.errors import DigestMismatch, IntegrityError, from_os
from s3lo.model.digest import Digest
from s3lo.model.documents import MAX_DOCUMENT_BYTES, Descriptor, Index, Manifest, parse_document
from s3lo.operations.copying.origin import Means, Moved
from s3lo.operations.landing import Landing
from s3lo.transports import layout_reader
from s3lo.transports.layout_files import blob_name
from s3lo.transports.source import LayoutSource


class LayoutOrigin:
    """An Origin."""

    def __init__(self, source: LayoutSource, means: Means) -> None:
        self._source = source
        self._means = means

    def root(self) -> Manifest | Index:
        entry = layout_reader.find(self._source.directory, self._source.name)
        return parse_document(self.document(entry), entry.media_type)

    def document(self, entry: Descriptor) -> bytes:
        path = self._path(entry)
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_DOCUMENT_BYTES + 1)
        except OSError as error:
            raise from_os(error, "reading") from error
        if Digest.of(raw) != entry.digest:
            raise DigestMismatch(f"{path} has other content than its name says")
        return raw

    def config(self, config: Descriptor) -> bytes:
        return self.document(config)

    def attached(self, digests: Sequence[Digest]) -> Iterator[tuple[str, Manifest | Index]]:
        """A layout names no tags of attachments."""
        del digests
        return iter(())

    def move(self, blobs: Sequence[Descriptor], landing: Landing) -> Moved:
        if not blobs:
            return Moved()
        uploads = [landing.upload(blob.digest, blob.size, self._path(blob)) for blob in blobs]
        report = landing.engine.upload(uploads, self._means.observer, self._means.cancel)
        return Moved(sum(blob.size for blob in blobs), report)

    def _path(self, blob: Descriptor) -> Path:
        path = self._source.directory / blob_name(blob.digest)
        try:
            size = path.stat().st_size
        except FileNotFoundError as error:
            raise IntegrityError(f"{self._source.directory} lacks {blob.digest}") from error
        except OSError as error:
            raise from_os(error, "looking at") from error
        if size != blob.size:
            raise IntegrityError(f"{path} has {size} bytes, not {blob.size}")
        return path
