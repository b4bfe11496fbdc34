"""Absence: what it means that a blob, which a manifest refers to, is not there."""

from __future__ import annotations

from collections.abc import Iterable

from s3lo.bucket import keys
from s3lo.bucket.store import Store
from s3lo.errors import IntegrityError, NotFoundError, S3loError
from s3lo.model.digest import Digest


def absent_blob(store: Store, needed: Iterable[Digest], error: NotFoundError) -> S3loError:
    """The error for the first of these blobs that is not there: kept as chunks by the Go tool, or
    missing, which is damage. Where all are there, ``error`` is about something else."""
    for digest in needed:
        if store.head(keys.blob_key(digest)) is not None:
            continue
        if store.head(keys.recipe_key(digest)) is not None:
            return S3loError(
                f"layer {digest} is kept in chunks ({keys.recipe_key(digest)}),"
                " which this version does not read yet",
                hint="Pull it with the tool that pushed it, or push it again with s3lo.",
            )
        return IntegrityError(
            f"the image refers to {digest}, which is not in the store",
            hint="The image is damaged: push it again to repair it.",
        )
    return error
