"""Layout: which of the keys of a store belong to it (STORAGE: "Objects"), and which are foreign."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

from msgspec import Struct

from s3lo.bucket.keys import (
    BLOBS,
    CHUNK_PREFIXES,
    CLEANING_KEY,
    MANIFESTS,
    RULES_KEY,
    TAG_FILES,
    is_signature_name,
    parse_manifest_key,
)
from s3lo.model.objects import Level, ObjectInfo

CONTENT_PREFIXES = (BLOBS, *CHUNK_PREFIXES)
_TOP_KEYS = frozenset({RULES_KEY, CLEANING_KEY})
_TOP_FOLDERS = frozenset({MANIFESTS, *(f"{prefix.split('/')[0]}/" for prefix in CONTENT_PREFIXES)})
_MOST_NAMED = 100


class Named:
    """Keys, or folders, that are counted, and the first of them named."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def add(self, key: str) -> None:
        self.count += 1
        if len(self.first) < _MOST_NAMED:
            self.first.append(key)


def foreign_at_top(level: Level) -> Iterator[str]:
    """What lies beside a store's own folders and files. What is in a folder is not looked at."""
    yield from (folder for folder in level.folders if folder not in _TOP_FOLDERS)
    yield from (found.key for found in level.objects if found.key not in _TOP_KEYS)


def foreign_above_content(level: Level, prefix: str) -> Iterator[str]:
    """What lies beside ``sha256/`` in one of the folders of content."""
    yield from (folder for folder in level.folders if folder != prefix)
    yield from (found.key for found in level.objects)


class Left(Struct, frozen=True):
    """The folder of a tag that is not there. ``is_cleaned``: a clean removes what lies in it."""

    folder: str
    is_cleaned: bool


class TagFolders:
    """Sorts what lies below ``manifests/``: what belongs to tags, and what does not."""

    def __init__(self, is_young: Callable[[datetime.datetime | None], bool]) -> None:
        self.foreign = Named()
        self._is_young = is_young
        self._tagged: set[str] = set()
        self._filled: dict[str, bool] = {}
        """Folders with files that lie beside a manifest, and whether a clean removes all of them."""

    def see(self, found: ObjectInfo) -> None:
        folder, _, name = found.key.rpartition("/")
        above, _, last = folder.rpartition("/")
        if parse_manifest_key(found.key):
            self._tagged.add(folder)
        elif name in TAG_FILES and name != "manifest.json":
            self._fill(folder, found, is_cleaned=name == "oci-layout")
        elif last == "signatures" and is_signature_name(name):
            self._fill(above, found, is_cleaned=True)
        else:
            self.foreign.add(found.key)

    def left(self) -> list[Left]:
        """What pushes and deletions that did not end have left; a push writes the manifest last, so
        nothing young."""
        return [
            Left(f"{folder}/", is_cleaned)
            for folder, is_cleaned in sorted(self._filled.items())
            if folder not in self._tagged
        ]

    def _fill(self, folder: str, found: ObjectInfo, *, is_cleaned: bool) -> None:
        if self._is_young(found.last_modified):
            self._tagged.add(folder)  # may be a tag in a moment
        self._filled[folder] = self._filled.get(folder, True) and is_cleaned
