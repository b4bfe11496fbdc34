"""Server copy: a blob that a service copies from one of its buckets into another by itself.

    look → CopyObject ───────────────────────→ check     up to 256 MiB
     ↑ └─→ begin → UploadPartCopy ... → finish ──┘ │     above; abort where anything fails
     └────────── the source is another by now ─────┘

One request copies some 100 MB/s whatever the object's size, so a large one is copied in parts, many
side by side. The service proves no digest: what is checked is that the source stays what it was (by
its ETag) and the size of what is there at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Condition, Event

from msgspec import Struct

from s3lo.abreast import abreast
from s3lo.bucket.copy_answers import (
    Conflict,
    NotCopied,
    SourceGone,
    UploadGone,
    failure_in,
    is_refusal,
)
from s3lo.bucket.options import Headers, StorageOptions
from s3lo.bucket.s3 import S3Store
from s3lo.errors import Interrupted, NotFoundError, S3loError, ServiceError, SizeMismatch
from s3lo.model import copies, multipart
from s3lo.model.copies import CopySource, Stretch
from s3lo.model.multipart import StoredPart
from s3lo.model.objects import Endpoint, ObjectInfo, Request, Response
from s3lo.model.part_sizes import upload_part_bytes
from s3lo.model.s3_errors import InvalidStorageClass, Unsupported

_IF_ABSENT: Headers = (("if-none-match", "*"),)
_MOST_CHANGES = 3
"""How often a source that is replaced is begun with anew: by its name it is the same content."""

_END_SECONDS = 10.0
"""How long the end waits for uploads to be aborted, while a service does not answer."""

Told = Callable[[int], None]


class CopySizes(Struct, frozen=True):
    """How an object is cut."""

    whole_bytes: int = 256 << 20
    """Up to where one request copies it; S3 allows 5 GiB."""
    part_bytes: int = 64 << 20
    side_by_side: int = 16
    """Parts of one object."""


def is_one_service(target: Endpoint, source: Endpoint) -> bool:
    """Whether one service has both buckets, in whichever of its regions."""
    return target.url == source.url


class ServerCopy:
    """Copies from one bucket into another, any number at a time, each in its thread.

    As a context it ends them all: those that have begun a multipart upload have then aborted it,
    even where the process ends at once.
    """

    def __init__(
        self,
        target: S3Store,
        source: S3Store,
        storage: StorageOptions,
        cancel: Event | None = None,
        sizes: CopySizes | None = None,
    ) -> None:
        self.target = target
        self.source = source
        self.storage = storage
        self.sizes = sizes or CopySizes()
        self._cancel = cancel
        self._is_ending = False
        self._uploading = 0
        self._changed = Condition()

    def __enter__(self) -> ServerCopy:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ending = True
        with self._changed:
            self._changed.wait_for(lambda: not self._uploading, _END_SECONDS)

    def is_over(self) -> bool:
        return self._is_ending or (self._cancel is not None and self._cancel.is_set())

    @contextmanager
    def uploading(self) -> Iterator[None]:
        """While there may be a multipart upload to be aborted."""
        with self._changed:
            self._uploading += 1
        try:
            yield
        finally:
            with self._changed:
                self._uploading -= 1
                self._changed.notify_all()

    def copy(self, key: str, size: int, *, if_absent: bool, copied: Told | None = None) -> None:
        """Have a blob of ``size`` bytes copied to the same key.

        With ``if_absent`` one that has come there meanwhile in this size is left as it is, where the
        service knows the condition. The storage class is the source's, unless ``storage`` names one
        or the service does not have it. ``copied`` is told of bytes by the calling thread; negative:
        some have to be copied again.

        Raises NotCopied where the service does not do it; NotFoundError where the source is not
        there (any more), SizeMismatch where it, or what came of it, has another size; Interrupted
        once ``cancel`` is set or the context left; ServiceError and AccessDeniedError as any request. After each of them
        no multipart upload is left open, if only the service can be reached.
        """
        for _ in range(_MOST_CHANGES):
            copy = _Copy(self, _looked_up(self.source, key, size), copied)
            if copy.run(_IF_ABSENT if if_absent else ()):
                return
        raise ServiceError(f"{self.source.location}{key} is replaced again and again")


def _looked_up(source: S3Store, key: str, size: int) -> ObjectInfo:
    found = source.head(key)
    if found is None:
        raise NotFoundError(f"not there: {source.location}{key}")
    if found.size != size:
        raise SizeMismatch(f"{source.location}{key} has {found.size} bytes instead of {size}")
    return found


class _Copy:
    """One object, as it was found, on its way."""

    def __init__(self, between: ServerCopy, found: ObjectInfo, copied: Told | None) -> None:
        self._target = between.target
        self._from = between.source
        self._source = CopySource(between.source.location.name, found.key, found.size, found.etag)
        self._headers = between.storage.blob_headers
        self._preferences = between.storage.kept_preferences(found.storage_class)
        self._between = between
        self._copied = copied
        self._sizes = between.sizes
        self._told_bytes = 0
        self._what = f"{between.target.location}{found.key}"

    def run(self, condition: Headers) -> bool:
        """Copy it; False where the source is another by now."""
        try:
            if self._source.size <= self._sizes.whole_bytes:
                self._written(self._copy_whole, condition)
            else:
                with self._between.uploading():
                    self._copy_in_parts(condition)
        except Conflict:
            self._tell(-self._told_bytes)
            return False
        self._tell(self._source.size - self._told_bytes)
        self._check_size()
        return True

    def _copy_whole(self, condition: Headers) -> None:
        self._require_going_on()
        self._with_class(
            lambda headers: self._ask_copy(copies.copy_object(self._source, (*headers, *condition)))
        )

    def _copy_in_parts(self, condition: Headers) -> None:
        upload = self._begin()
        is_finished = False
        try:
            parts = self._copy_parts(upload)
            self._require_going_on()
            is_finished = self._written(partial(self._finish, upload, parts), condition)
        finally:
            if not is_finished:
                self._abort(upload)

    def _begin(self) -> str:
        self._require_going_on()
        key = self._source.key
        answer = self._with_class(
            lambda headers: self._ask(multipart.begin(key, headers, is_checked=False))
        )
        if upload := multipart.upload_id(answer.body):
            return upload
        raise ServiceError(f"{self._what}: the service began no multipart upload")

    def _copy_parts(self, upload: str) -> list[StoredPart]:
        part_bytes = upload_part_bytes(self._source.size, self._sizes.part_bytes)
        cut = copies.stretches(self._source.size, part_bytes)
        copy, parts = partial(self._copy_part, upload), []
        for part in abreast(copy, cut, self._sizes.side_by_side, self._between.is_over):
            self._tell(part.size)
            parts.append(part)
        return parts

    def _copy_part(self, upload: str, stretch: Stretch) -> StoredPart:
        self._require_going_on()
        answer = self._ask_copy(copies.copy_part(self._source, upload, stretch))
        return StoredPart(
            stretch.number, copies.part_etag(answer.body), size=stretch.end - stretch.start
        )

    def _finish(self, upload: str, parts: list[StoredPart], condition: Headers) -> None:
        self._ask(multipart.finish(self._source.key, upload, parts, condition))

    def _abort(self, upload: str) -> None:
        """What of parts is being copied still, the service drops when it comes; else ``clean`` does."""
        with suppress(S3loError):
            self._target.rest.send(multipart.abort(self._source.key, upload))

    def _written(self, write: Callable[[Headers], None], condition: Headers) -> bool:
        """Make the object visible; False where it is, and another has done it or this very request,
        whose answer was lost.

        A condition that the service does not know is left out. Where one does not hold, it is seen
        what is there: what has another size is damage, and written over; where nothing is, it is
        the source that has changed.
        """
        try:
            write(condition)
        except (Unsupported, NotCopied) as error:
            is_about_condition = isinstance(error.__cause__ or error, Unsupported)
            if not (condition and is_about_condition):
                raise
            write(())
        except UploadGone as error:
            if self._size_there() != self._source.size:
                raise ServiceError(f"the multipart upload of {self._what} is gone") from error
            return False
        except Conflict:
            there = self._size_there()
            if not condition or there is None:
                raise
            if there == self._source.size:
                return False
            write(())
        return True

    def _with_class(self, ask: Callable[[Headers], Response]) -> Response:
        """Ask for the class that is preferred, or for none where the service does not have it."""
        if self._preferences and self._target.takes_classes:
            try:
                return ask((*self._headers, *self._preferences))
            except InvalidStorageClass:
                self._target.takes_classes = False
        return ask(self._headers)

    def _ask_copy(self, request: Request) -> Response:
        """The answer to a request that copies; raises NotCopied where another way may do."""
        answer = self._target.rest.send(request).response
        match failure_in(answer, self._what):
            case None:
                return answer
            case SourceGone():
                _looked_up(self._from, self._source.key, self._source.size)
                raise NotCopied(f"the service does not find {self._from.location} from there")
            case UploadGone():
                raise ServiceError(f"the multipart upload of {self._what} is gone")
            case S3loError() as failure if is_refusal(answer, failure):
                raise NotCopied(failure.message) from failure
            case failure:
                raise failure

    def _ask(self, request: Request) -> Response:
        answer = self._target.rest.send(request).response
        match failure_in(answer, self._what):
            case None:
                return answer
            case SourceGone():  # of a request that has no source
                raise NotFoundError(f"there is no such bucket: {self._target.location}")
            case failure:
                raise failure

    def _size_there(self) -> int | None:
        there = self._target.head(self._source.key)
        return there.size if there else None

    def _check_size(self) -> None:
        there = self._size_there()
        if there != self._source.size:
            raise SizeMismatch(
                f"the service has made {there} bytes of the {self._source.size} of {self._what}"
            )

    def _require_going_on(self) -> None:
        if self._between.is_over():
            raise Interrupted("cancelled")

    def _tell(self, count: int) -> None:
        self._told_bytes += count
        if self._copied and count:
            self._copied(count)
