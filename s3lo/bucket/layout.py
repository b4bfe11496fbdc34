"""Layout: which of the keys of a store belong to it (STORAGE: "Objects"), and which are foreign."""

from __future__ import annotations

from collections.abc import Iterator

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
from s3lo.model.objects import Level

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


class TagFolders:
    """Sorts what lies below ``manifests/``: what belongs to tags, and what does not."""

    def __init__(self) -> None:
        self.foreign = Named()
        self._tagged: set[str] = set()
        self._filled: set[str] = set()

    def see(self, key: str) -> None:
        folder, _, name = key.rpartition("/")
        above, _, last = folder.rpartition("/")
        if parse_manifest_key(key):
            self._tagged.add(folder)
        elif name in TAG_FILES and name != "manifest.json":
            self._filled.add(folder)
        elif last == "signatures" and is_signature_name(name):
            self._filled.add(above)
        else:
            self.foreign.add(key)

    def left(self) -> list[str]:
        """Folders of tags that are not there: pushes that were not finished, or deletions."""
        return sorted(f"{folder}/" for folder in self._filled - self._tagged)
