"""Layer cache: what manifests say of their layers, kept on this machine by the manifest's digest.

A digest never comes to mean something else, so nothing in here is ever out of date. It lies in
``s3lo/layers`` of the user's cache directory (XDG base directory specification), and may be removed
at any time.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from s3lo.errors import S3loError
from s3lo.model.digest import Digest

_MOST_FILES = 4096
_MOST_BYTES = 1 << 20


class StoredLayer(Struct, frozen=True):
    """A layer of a stored image: what it is compressed from, and how it is stored."""

    diff_id: Digest
    media_type: str
    digest: Digest
    size: int


class _Fields(Struct, frozen=True):
    diff_id: str
    media_type: str
    digest: str
    size: int


_FIELDS = msgspec.json.Decoder(list[_Fields])


class LayerCache:
    """A directory with a small file for each manifest. Where it cannot be used, nothing is cached."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, manifest: Digest) -> Sequence[StoredLayer] | None:
        with suppress(OSError, msgspec.DecodeError, S3loError):
            with open(self._path(manifest), "rb") as file:
                fields = _FIELDS.decode(file.read(_MOST_BYTES))
            return [
                StoredLayer(Digest.parse(f.diff_id), f.media_type, Digest.parse(f.digest), f.size)
                for f in fields
            ]
        return None

    def put(self, manifest: Digest, layers: Sequence[StoredLayer]) -> None:
        with suppress(OSError):
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._make_room()
            draft = self._path(manifest).with_suffix(f".{os.getpid()}-{os.urandom(4).hex()}")
            fields = [
                _Fields(str(each.diff_id), each.media_type, str(each.digest), each.size)
                for each in layers
            ]
            draft.write_bytes(msgspec.json.encode(fields))
            os.replace(draft, self._path(manifest))

    def _path(self, manifest: Digest) -> Path:
        return self._directory / manifest.hex

    def _make_room(self) -> None:
        """Remove the half that was written first, where there are too many."""
        with os.scandir(self._directory) as entries:
            ages = sorted((entry.stat().st_mtime, entry.path) for entry in entries)
        if len(ages) < _MOST_FILES:
            return
        for _, path in ages[: len(ages) // 2]:
            with suppress(FileNotFoundError):
                os.unlink(path)


def user_cache() -> LayerCache:
    """The cache of this user."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return LayerCache(Path(home) / "s3lo" / "layers")
