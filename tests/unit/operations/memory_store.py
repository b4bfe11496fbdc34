"""MemoryStore: a bucket in memory with a clock that goes when it is told to; requests are atomic."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from itertools import count

from s3lo.errors import NotFoundError, RefusedError
from s3lo.model.objects import Content, Level, ObjectInfo, Undeleted, Unfinished
from s3lo.model.reference import Location

_BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


class MemoryStore:
    """A Store; ``advance`` lets its clock go on."""

    location = Location("s3", "memory")

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, ObjectInfo]] = {}
        self._now = _BEGIN
        self._etags = count()

    def advance(self, seconds: float) -> None:
        self._now += datetime.timedelta(seconds=seconds)

    def now(self) -> datetime.datetime:
        return self._now

    def read(self, key: str, *, limit_bytes: int = 64 << 20) -> Content:
        del limit_bytes
        if key not in self.objects:
            raise NotFoundError(f"not there: {key}")
        body, info = self.objects[key]
        return Content(body, info.etag)

    def get(self, key: str, *, limit_bytes: int = 64 << 20) -> bytes:
        return self.read(key, limit_bytes=limit_bytes).body

    def read_range(self, key: str, offset: int, length: int, *, etag: str = "") -> bytes:
        del etag
        return self.get(key)[offset : offset + length]

    def head(self, key: str) -> ObjectInfo | None:
        return self.objects[key][1] if key in self.objects else None

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
        del content_type
        found = self.head(key)
        if (if_absent and found) or (if_match and (not found or found.etag != if_match)):
            raise RefusedError(f"a condition on {key} does not hold")
        etag = str(next(self._etags))
        self.objects[key] = body, ObjectInfo(key, len(body), etag, self._now, storage_class)

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        found = (key for key in self.objects if key.startswith(prefix) and key > after)
        return iter([self.objects[key][1] for key in sorted(found)])

    def level(self, prefix: str) -> Level:
        raise NotImplementedError("nothing here looks at levels")

    def delete(self, keys: Iterable[str]) -> None:
        self.remove(keys)

    def remove(self, keys: Iterable[str]) -> Sequence[Undeleted]:
        for key in keys:
            self.objects.pop(key, None)
        return []

    def unfinished(self) -> Iterator[Unfinished]:
        return iter(())

    def give_up(self, unfinished: Unfinished) -> None:
        del unfinished

    def close(self) -> None: ...
