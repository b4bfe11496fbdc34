"""S3 store: a bucket as a Store, on S3's REST semantics over any wire."""

from __future__ import annotations

import base64
import datetime
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from s3lo.backoff import Patience
from s3lo.bucket import s3_xml
from s3lo.bucket.repeats import Outcome
from s3lo.bucket.rest import Rest, succeeded
from s3lo.bucket.store import changed, too_short
from s3lo.errors import (
    AccessDeniedError,
    IntegrityError,
    NotFoundError,
    RefusedError,
    S3loError,
    ServiceError,
)
from s3lo.model import multipart
from s3lo.model.objects import (
    Content,
    Endpoint,
    Level,
    ObjectInfo,
    Request,
    Response,
    Undeleted,
    Unfinished,
    Wire,
)
from s3lo.model.reference import Location
from s3lo.model.s3_errors import error_code, no_such_bucket

_BATCH = 1000
"""Keys that DeleteObjects takes at once."""
_REFUSED = frozenset({"SlowDown", "ServiceUnavailable"})
_PASSING = frozenset({"InternalError", "OperationAborted"})
"""What, beside these, a single key's deletion may fail with and be tried again."""


class S3Store:
    """A bucket. Requests may be made from several threads."""

    def __init__(
        self,
        location: Location,
        endpoint: Endpoint,
        wire: Wire,
        sleep: Callable[[float], None] = time.sleep,
        put_headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """``put_headers``: of all that is written."""
        self._location = location
        self.rest = Rest(endpoint, wire, sleep)
        """For whoever has more to ask of the service: see ``server_copy``."""
        self._sleep = sleep
        self._put_headers = put_headers
        self.takes_classes = True
        """Until it has refused one."""
        self._is_seen = False

    @property
    def location(self) -> Location:
        return self._location

    @property
    def endpoint(self) -> Endpoint:
        """Where the bucket is, its region corrected by what S3 has answered so far."""
        return self.rest.endpoint

    def get(self, key: str, *, limit_bytes: int = 64 << 20) -> bytes:
        return self.read(key, limit_bytes=limit_bytes).body

    def read(self, key: str, *, limit_bytes: int = 64 << 20) -> Content:
        # A range, so that an object of any size costs no more than the limit. Only an empty object
        # has no first byte to begin at (416).
        wanted = ("range", f"bytes=0-{limit_bytes}")
        response = self.rest.send(Request("GET", "GetObject", key, headers=(wanted,))).response
        if response.status == 416:
            return self._empty(key)
        body = succeeded(response, self._name(key)).body
        if len(body) > limit_bytes:
            raise IntegrityError(f"{self._name(key)} is larger than {limit_bytes} bytes")
        return Content(body, _etag(response))

    def read_range(self, key: str, offset: int, length: int, *, etag: str = "") -> bytes:
        if not length:
            return b""
        end = offset + length
        condition = (("if-match", f'"{etag}"'),) if etag else ()
        headers = (("range", f"bytes={offset}-{end - 1}"), *condition)
        response = self.rest.send(Request("GET", "GetObject", key, headers=headers)).response
        if response.status == 412:
            raise changed(self._name(key))
        if response.status == 416:
            raise too_short(self._name(key), end)
        body = succeeded(response, self._name(key)).body
        if response.status == 200:  # the whole of it: the service knows no ranges
            body = body[offset:end]
        if len(body) != length:
            raise too_short(self._name(key), end)
        return body

    def head(self, key: str) -> ObjectInfo | None:
        response = self.rest.send(Request("HEAD", "HeadObject", key)).response
        if response.status == 404:
            self._require_bucket()
            return None
        headers = succeeded(response, self._name(key)).headers
        self._is_seen = True
        return _info(key, response, headers.get("content-length", ""))

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
        headers = {
            **dict(self._put_headers),
            "content-type": content_type,
            "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
        }
        if if_absent:
            headers["if-none-match"] = "*"
        if if_match:
            headers["if-match"] = f'"{if_match}"'
        outcome = self._put(key, body, headers, storage_class)
        if (if_absent or if_match) and self._was_ours(key, body, outcome):
            return
        if if_match and error_code(outcome.response) == "NoSuchKey":
            raise RefusedError(f"{self._name(key)} is not there any more")
        succeeded(outcome.response, self._name(key))

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        begin = (("start-after", after),) if after else ()
        for page in self._pages((("prefix", prefix), *begin)):
            yield from page.objects

    def level(self, prefix: str) -> Level:
        pages = list(self._pages((("delimiter", "/"), ("prefix", prefix))))
        objects = tuple(found for page in pages for found in page.objects)
        return Level(objects, tuple(folder for page in pages for folder in page.folders))

    def delete(self, keys: Iterable[str]) -> None:
        if failed := self.remove(keys):
            raise self._undeleted(failed)

    def remove(self, keys: Iterable[str]) -> Sequence[Undeleted]:
        remaining = iter(keys)
        failed: list[Undeleted] = []
        while batch := list(islice(remaining, _BATCH)):
            failed += self._remove(batch)
        return failed

    def delete_unchanged(self, key: str, etag: str) -> None:
        """Remove an object that still has this ETag; RefusedError where it has not, or is not there.

        A service that knows no conditions on deletes removes whatever is there.
        """
        request = Request("DELETE", "DeleteObject", key, headers=(("if-match", f'"{etag}"'),))
        response = self.rest.send(request).response
        if response.status in (404, 412):
            raise RefusedError(f"{self._name(key)} is not what it was")
        succeeded(response, self._name(key))

    def now(self) -> datetime.datetime:
        response = self.rest.send(Request("HEAD", "HeadBucket")).response
        if response.status == 404:
            raise self._no_bucket()
        date = succeeded(response, str(self._location)).headers.get("date", "")
        try:
            return _http_date(date)
        except ValueError as error:
            raise ServiceError("the service does not say what time it is (Date)") from error

    def unfinished(self) -> Iterator[Unfinished]:
        marker = ("", "")
        while True:
            response = self.rest.expect(multipart.list_uploads("", marker), str(self._location))
            page = s3_xml.read_uploads_page(response.body)
            yield from page.uploads
            marker = page.next_marker
            if not any(marker):
                return

    def give_up(self, unfinished: Unfinished) -> None:
        key = unfinished.key
        response = self.rest.send(multipart.abort(key, unfinished.upload_id)).response
        if response.status != 404:
            succeeded(response, self._name(key))

    def close(self) -> None:
        self.rest.close()

    def _pages(self, query: tuple[tuple[str, str], ...]) -> Iterator[s3_xml.Page]:
        query = (("encoding-type", "url"), ("list-type", "2"), *query)
        token = ""
        while True:
            more = (("continuation-token", token),) if token else ()
            request = Request("GET", "ListObjectsV2", query=query + more)
            response = self.rest.send(request).response
            if response.status == 404:
                raise self._no_bucket()
            page = s3_xml.read_page(succeeded(response, str(self._location)).body)
            yield page
            token = page.next_token
            if not token:
                return

    def _name(self, key: str) -> str:
        return f"{self._location}{key}"

    def _put(self, key: str, body: bytes, headers: dict[str, str], storage: str) -> Outcome:
        if storage != "STANDARD" and self.takes_classes:
            classed = {**headers, "x-amz-storage-class": storage}
            outcome = self.rest.send(_put_request(key, body, classed))
            if error_code(outcome.response) != "InvalidStorageClass":
                return outcome
            self.takes_classes = False
        return self.rest.send(_put_request(key, body, headers))

    def _was_ours(self, key: str, body: bytes, outcome: Outcome) -> bool:
        """Whether a refused write had in fact succeeded, in an attempt whose answer was lost."""
        if outcome.response.status != 412 or not outcome.is_repeat:
            return False
        return self.get(key, limit_bytes=len(body) + 1) == body

    def _empty(self, key: str) -> Content:
        """What a 416, which names no ETag, says of an object; one that has grown is read again."""
        found = self.head(key)
        return Content(b"", found.etag) if found and not found.size else self.read(key)

    def _require_bucket(self) -> None:
        """Tell a missing bucket from a missing object: a HEAD has no body that would say."""
        if self._is_seen:
            return
        response = self.rest.send(Request("HEAD", "HeadBucket")).response
        if response.status == 404:
            raise self._no_bucket()
        self._is_seen = True  # whoever may not see the bucket (403) learns from the next request

    def _no_bucket(self) -> NotFoundError:
        return no_such_bucket(str(self._location))

    def _remove(self, keys: Sequence[str]) -> Sequence[Undeleted]:
        final: list[Undeleted] = []
        patience = Patience()
        while True:
            failed = [e for e in self._remove_once(keys) if e.code != "NoSuchKey"]
            passing = [e for e in failed if e.code in _REFUSED | _PASSING]
            final += [e for e in failed if e not in passing]
            if not passing:
                return final
            is_refused = any(e.code in _REFUSED for e in passing)
            seconds = patience.after_refusal() if is_refused else patience.after_failure()
            if seconds is None:
                return [*final, *passing]
            self._sleep(seconds)
            keys = [e.key for e in passing]

    def _remove_once(self, keys: Sequence[str]) -> Sequence[Undeleted]:
        body = s3_xml.write_delete(keys)
        # S3 wants a checksum with this one request; this is the one that every endpoint knows.
        checksum = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        headers = (("content-md5", checksum), ("content-type", "application/xml"))
        request = Request("POST", "DeleteObjects", "", (("delete", ""),), headers, body)
        return s3_xml.read_undeleted(self.rest.expect(request, str(self._location)).body)

    def _undeleted(self, failed: Sequence[Undeleted]) -> S3loError:
        first = failed[0]
        message = f"{len(failed)} objects could not be deleted, first {self._name(first.key)}"
        kind = AccessDeniedError if first.code == "AccessDenied" else ServiceError
        return kind(f"{message}: {first.code}: {first.message}")


def _put_request(key: str, body: bytes, headers: dict[str, str]) -> Request:
    return Request("PUT", "PutObject", key, headers=tuple(headers.items()), body=body)


def _etag(response: Response) -> str:
    return response.headers.get("etag", "").strip('"')


def _http_date(text: str) -> datetime.datetime:
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(text)


def _info(key: str, response: Response, length: str) -> ObjectInfo:
    if not length.isdecimal():
        raise ServiceError(f"the service does not say how large {key} is")
    modified = response.headers.get("last-modified", "")
    return ObjectInfo(
        key,
        int(length),
        _etag(response),
        _http_date(modified) if modified else None,
        response.headers.get("x-amz-storage-class", "STANDARD"),
    )
