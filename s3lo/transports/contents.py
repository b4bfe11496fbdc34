"""Contents: the entries of a layout or an archive, by name, wherever their bytes lie by now."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from s3lo.errors import IntegrityError, InvalidDocument, from_os
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor, Index, Manifest
from s3lo.transports.ends import HEAD_BYTES
from s3lo.transports.image import BlobFile, SourceImage
from s3lo.transports.streams import open_range, read_up_to
from s3lo.transports.tar_reader import safe_name

_MOST_DOCUMENT_BYTES = 16 << 20
"""More than any config: a larger "document" is somebody's way to fill our memory."""

_MOST_LINKS = 16


class Content(Struct, frozen=True):
    """An entry's bytes: a range of a file. Sizes in bytes."""

    path: Path
    offset: int
    size: int
    digest: Digest | None = None
    """Of these very bytes, where we computed it."""
    diff_id: Digest | None = None
    """Of what came, where it was a tar and we compressed it: these bytes are then another form."""
    plain_size: int = 0
    first_bytes: bytes | None = None
    """As :meth:`head` gives them, where they are known without a look into the file."""

    @property
    def original(self) -> tuple[Digest | None, int]:
        """Digest, where it is known, and size of the entry as it came."""
        return (self.diff_id, self.plain_size) if self.diff_id else (self.digest, self.size)

    @property
    def is_packed(self) -> bool:
        return self.diff_id is not None

    def head(self) -> bytes:
        """The first bytes, as many as it takes to see what they are."""
        if self.first_bytes is not None:
            return self.first_bytes
        return self._read(min(self.size, HEAD_BYTES))

    def document(self) -> bytes:
        """All bytes of something small; raises InvalidDocument when it is not."""
        if self.size > _MOST_DOCUMENT_BYTES:
            raise InvalidDocument(f"a document of {self.size} bytes")
        return self._read(self.size)

    def _read(self, size: int) -> bytes:
        with open_range(self.path, self.offset, size) as source:
            return read_up_to(source, size)

    def as_blob(self, digest: Digest) -> BlobFile:
        """These bytes under the digest that they are expected to have."""
        return BlobFile(digest, self.size, self.path, self.offset, self.digest == digest)


class Held(Struct, frozen=True):
    """An entry that nobody kept, for the destination has what would become of it."""

    descriptor: Descriptor
    """How it is there."""
    diff_id: Digest | None = None
    """Of what came, where that was a tar."""
    plain_size: int = 0

    @property
    def digest(self) -> Digest:
        return self.descriptor.digest

    @property
    def size(self) -> int:
        return self.descriptor.size

    @property
    def original(self) -> tuple[Digest | None, int]:
        """Digest and size in bytes of the entry as it came."""
        return (self.diff_id, self.plain_size) if self.diff_id else (self.digest, self.size)

    @property
    def is_packed(self) -> bool:
        return self.diff_id not in (None, self.digest)

    def document(self) -> bytes:
        raise InvalidDocument(f"{self.digest} is a layer and no document")


Entry = Content | Held


class Blobs:
    """Where the blobs of an image are, as they are found."""

    def __init__(self) -> None:
        self.files: dict[Digest, BlobFile] = {}
        self.held: set[Digest] = set()

    def add(self, digest: Digest, entry: Entry) -> None:
        """``digest`` is what the entry is expected to have."""
        if isinstance(entry, Held):
            self.held.add(digest)
        else:
            self.files[digest] = entry.as_blob(digest)

    def image(self, root: Manifest | Index, manifests: tuple[Manifest, ...]) -> SourceImage:
        return SourceImage(root, manifests, self.files, frozenset(self.held))


class Contents(Protocol):
    """What a form of image is read from."""

    @property
    def what(self) -> str:
        """How messages call it."""

    def find(self, name: str) -> Entry | None:
        """An entry by its name; raises IntegrityError for a name that leads elsewhere."""


def require(contents: Contents, name: str, what: str = "") -> Entry:
    """An entry that must be there; IntegrityError otherwise."""
    content = contents.find(name)
    if content is None:
        raise IntegrityError(f"{contents.what} lacks {what or name}")
    return content


class ArchiveContents:
    """The members of an archive; the last one of a name is the one that counts, as for tar."""

    def __init__(self, what: str, files: Mapping[str, Entry], links: Mapping[str, str]) -> None:
        self.what = what
        self._files = files
        self._links = links

    def find(self, name: str) -> Entry | None:
        name = safe_name(name)
        for _ in range(_MOST_LINKS):
            if name not in self._links:
                return self._files.get(name)
            name = self._links[name]
        raise IntegrityError(f"{self.what} has a circle of links at {name}")


class DirectoryContents:
    """The files of a directory."""

    def __init__(self, root: Path) -> None:
        self.what = str(root)
        self._root = root

    def find(self, name: str) -> Content | None:
        path = self._root / safe_name(name)
        try:
            if not path.is_file():
                return None
            return Content(path, 0, os.stat(path).st_size)
        except OSError as error:
            raise from_os(error, "looking at") from error


def names_of(names: Iterable[str]) -> str:
    """Names for a message."""
    return ", ".join(sorted(set(filter(None, names)))) or "none by name"
