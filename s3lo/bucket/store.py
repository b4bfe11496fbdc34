"""Store: the protocol that an S3 bucket and a local directory both fulfil.

For documents and bookkeeping; layers go through the engine.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from s3lo.errors import IntegrityError, SizeMismatch
from s3lo.model.objects import Content, Level, ObjectInfo, Undeleted, Unfinished
from s3lo.model.reference import Location


class Store(Protocol):
    """A place with keys. An error while looking is never taken for absence."""

    @property
    def location(self) -> Location: ...

    def get(self, key: str, *, limit_bytes: int = 64 << 20) -> bytes:
        """The object's whole content; raises NotFoundError where there is none.

        More than ``limit_bytes`` is an IntegrityError: documents are small.
        """

    def read(self, key: str, *, limit_bytes: int = 64 << 20) -> Content:
        """The same, together with the ETag that these very bytes have."""

    def read_range(self, key: str, offset: int, length: int, *, etag: str = "") -> bytes:
        """So many bytes of an object, from an offset on; kept in memory, so no more than 64 MiB.

        Raises SizeMismatch where it ends before them, NotFoundError where it is not there, and
        IntegrityError where its ETag is not ``etag`` any more, which is empty where a store has
        none (``head``).
        """

    def head(self, key: str) -> ObjectInfo | None:
        """What is known of an object; None only where the store says that there is none."""

    def put(
        self,
        key: str,
        body: bytes,
        *,
        if_absent: bool = False,
        if_match: str = "",
        storage_class: str = "STANDARD",
        content_type: str = "application/json",
    ) -> None:
        """Write a small object in one step.

        With ``if_absent`` the write is conditional: RefusedError where the key is taken. With
        ``if_match``, an ETag that was read: RefusedError where the object is another by now.
        """

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key starts with ``prefix``, in key order; those after a key only."""

    def level(self, prefix: str) -> Level:
        """What starts with ``prefix``, as far as the next slash."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is not there is no error. All are tried before it raises."""

    def remove(self, keys: Iterable[str]) -> Sequence[Undeleted]:
        """Remove objects as far as that goes; gives those that could not be, and why."""

    def now(self) -> datetime.datetime:
        """What time it is by the clock that dates the objects: their ages are counted by it."""

    def unfinished(self) -> Iterator[Unfinished]:
        """What was begun and not completed. Raises Unsupported where the service cannot tell."""

    def give_up(self, unfinished: Unfinished) -> None:
        """Let go of something unfinished and all that is stored of it; gone already is no error."""

    def close(self) -> None: ...


def changed(what: str) -> IntegrityError:
    """An object is not the one any more that it was when it was looked at."""
    return IntegrityError(f"{what} was replaced while it was read", hint="Try again.")


def too_short(what: str, end: int) -> SizeMismatch:
    """An object has no byte before ``end``, which it was said to have."""
    return SizeMismatch(f"{what} has fewer than {end} bytes")
