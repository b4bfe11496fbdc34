"""Access: whether credentials may write to a store and delete from it, tried so that nothing changes.

In a bucket, by requests whose condition cannot hold: S3 looks at permissions first. They are about a
blob of random bytes under its own digest, which nobody else has; so a service that knows no conditions
has stored no more than a blob that no tag needs, and that is deleted at once; in a versioned bucket it
keeps a delete marker of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from s3lo.bucket.keys import BLOBS, MANIFESTS, blob_key, storage_class
from s3lo.bucket.s3 import S3Store
from s3lo.bucket.store import Store
from s3lo.errors import AccessDeniedError, RefusedError, S3loError
from s3lo.model.digest import Digest

Permission = Literal["allowed", "denied", "unknown"]

_NO_ETAG = "0" * 32
"""The MD5 of nothing that anybody knows."""
_PROBE_BYTES = 32


class Access(Struct, frozen=True):
    """What may be done. ``left`` is the key of a probe that could not be removed."""

    write: Permission
    delete: Permission
    left: str = ""


def try_access(store: Store) -> Access:
    """Find out; unknown is what a service does not tell without a change."""
    if isinstance(store, S3Store):
        return _of_bucket(store)
    may = _may_change(Path(store.location.name))
    return Access(may, may)


def _of_bucket(store: S3Store) -> Access:
    body = os.urandom(_PROBE_BYTES)
    key = blob_key(Digest.of(body))
    write, is_written = _tried(
        lambda: store.put(key, body, if_match=_NO_ETAG, storage_class=storage_class(key))
    )
    delete, _ = _tried(lambda: store.delete_unchanged(key, _NO_ETAG))
    return Access(write, delete, _remove(store, key) if is_written else "")


def _tried(request: Callable[[], None]) -> tuple[Permission, bool]:
    """What is permitted, and whether it was done although its condition cannot hold."""
    try:
        request()
    except RefusedError:
        return "allowed", False
    except AccessDeniedError:
        return "denied", False
    except S3loError:
        return "unknown", False
    return "allowed", True


def _remove(store: Store, key: str) -> str:
    """The key, if it is still there."""
    try:
        store.delete([key])
    except S3loError:
        return key
    return ""


def _may_change(root: Path) -> Permission:
    """Whether files can be made and removed where a push does it."""
    places = (root, root / BLOBS, root / MANIFESTS)
    may = all(os.access(place, os.W_OK | os.X_OK) for place in places if place.is_dir())
    return "allowed" if may else "denied"
