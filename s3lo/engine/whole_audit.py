"""Whole audit: whole objects read through botocore and hashed, where the native clients cannot serve."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from contextlib import closing
from threading import Event
from typing import Any

from s3lo.engine.audit import PHASE, mismatch
from s3lo.engine.transfers import DAMAGED, Stored
from s3lo.errors import Interrupted, S3loError, ServiceError, SizeMismatch
from s3lo.events import BlobDone, BytesMoved, Observer

_CHUNK_BYTES = 256 << 10
_TRIES = 3


class WholeReader:
    """Reads objects of one bucket. For any thread; what it raises is mapped by ``mapped``."""

    def __init__(
        self,
        client: Any,
        bucket: str,
        mapped: Callable[[Exception], S3loError],
        cancel: Event,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._mapped = mapped
        self._cancel = cancel

    def audit(self, blob: Stored) -> tuple[Stored, S3loError | None]:
        """What is wrong with a blob; a second reading has to say it too."""
        problem: S3loError | None = None
        for _ in range(_TRIES):
            before = problem
            try:
                hex_ = self._hash(blob)
            except Interrupted:
                raise
            except ServiceError as error:
                problem = error
                continue
            except S3loError as error:
                return blob, error
            if hex_ == blob.digest.hex:
                return blob, None
            problem = mismatch(blob, hex_)
            if type(before) is type(problem):
                break
        return blob, problem

    def _hash(self, blob: Stored) -> str:
        digest = hashlib.sha256()
        with closing(self._chunks(blob)) as chunks:
            for chunk in chunks:
                if self._cancel.is_set():
                    raise Interrupted("cancelled")
                digest.update(chunk)
        return digest.hexdigest()

    def _chunks(self, blob: Stored) -> Generator[bytes, None, None]:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=blob.key)
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] != blob.size:
                    raise _wrong_size(blob, answer["ContentLength"])
                yield from body.iter_chunks(_CHUNK_BYTES)
        except S3loError:
            raise
        except Exception as error:
            raise self._mapped(error) from error


def _wrong_size(blob: Stored, found_bytes: int) -> SizeMismatch:
    return SizeMismatch(
        f"{blob.key} is {found_bytes} bytes where {blob.size} are expected", hint=DAMAGED
    )


def tell(
    found: tuple[Stored, S3loError | None],
    told: Callable[[Stored, S3loError], None],
    observer: Observer,
) -> None:
    """Tell what became of a blob."""
    blob, problem = found
    observer(BytesMoved(PHASE, blob.size))
    if problem is None:
        observer(BlobDone(str(blob.digest), blob.size))
    else:
        told(blob, problem)
