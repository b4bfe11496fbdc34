"""Cleaning: the mark by which a clean tells what it is about to delete, and others wait for it.

STORAGE rule 4: what a push found present must not vanish under it. It is not enough that the push
looks again when its tag is visible: a clean that read the tags before may delete after that look.
So each side says what it does before it looks at what the other one does:

    clean                                        push
    1  list tags and blobs: what nobody needs    a  find blobs present, upload the others
    2  write the mark: the names of these        b  write the tag
    3  list the tags again, spare what           c  read the mark, wait while it names anything
       they need                                    that this tag needs, or the tag itself
    4  delete the rest                           d  look at all of that, and restore what is gone
    5  remove the mark

Where b comes before 3 begins, the clean sees the tag and spares what it needs: a listing shows all
that was there when it began. Else b comes after 3 began and so after 2, and c finds the mark, or 5 has
passed. In both cases 4 is over at d, which therefore sees what went; what it restores no later clean
takes, for that one's 3 comes after b. Nothing here counts on the grace period, so that a push may
take longer than that; but see ``operations.publish`` on pushes of hundreds of blobs. A tag that is deleted is protected likewise: at 3 the clean looks whether it is
still the one that was condemned.

The mark is written only where there is none: one clean at a time, so that nobody deletes anew what
another one has deleted and a push has brought back. A clean renews its mark every few seconds. One
that was not for half a minute, by the store's clock, is a killed clean's and counts for nothing; who
could not renew it for half of that deletes no more. What remains is a single request to delete that is
carried out half a minute after it was sent.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Event, Lock, Thread
from types import TracebackType

import msgspec
from msgspec import Struct

from s3lo.bucket.keys import CLEANING_KEY, storage_class
from s3lo.bucket.store import Store
from s3lo.errors import NotFoundError, RefusedError, S3loError, ServiceError
from s3lo.events import Note, Observer, ignore
from s3lo.model.objects import Content
from s3lo.model.s3_errors import Unsupported

DEAD_SECONDS = 30.0
"""A mark that was not renewed for so long counts for nothing."""
MOST_NAMED = 25_000
"""Keys that a mark names: it is written anew every few seconds."""

_RENEW_SECONDS = 5.0
_HOLD_SECONDS = DEAD_SECONDS / 2
_POLL_SECONDS = 0.5
_NAME_DIGITS = 8
"""Of a key's hash. Two keys of one name only make a push wait in vain."""
_MOST_BYTES = 1 << 20

Sleep = Callable[[float], None]


class _Mark(Struct, frozen=True):
    token: str
    beat: int
    """Counts renewals, so that each has an ETag of its own."""
    names: str = ""


_MARK = msgspec.json.Decoder(_Mark)


class Cleaning:
    """``with Cleaning(store, observer) as cleaning``: the mark is there, and no other clean at work."""

    def __init__(
        self, store: Store, observer: Observer = ignore, sleep: Sleep = time.sleep
    ) -> None:
        import secrets

        self._store = store
        self._observe = observer
        self._sleep = sleep
        self._mark = _Mark(secrets.token_hex(8), 0)
        self._renewed_at = 0.0
        self._lock = Lock()
        self._ended = Event()
        self._renewing = Thread(target=self._renew, name="s3lo-cleaning", daemon=True)

    def __enter__(self) -> Cleaning:
        try:
            self._take()
            self._renewing.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._renewing.join()
        self._remove()

    def announce(self, keys: Iterable[str]) -> None:
        """Tell that these may be deleted from now on, at most MOST_NAMED, and no others any more.

        Raises ServiceError where the mark is lost.
        """
        self._write_again(names="".join(map(_name, keys)))

    def require(self) -> None:
        """Raise ServiceError where the mark may count for nothing any more."""
        if _seconds() - self._renewed_at > _HOLD_SECONDS:
            raise ServiceError(
                f"{CLEANING_KEY} could not be renewed in time: nothing more is deleted",
                hint="Run the command again.",
            )

    def _take(self) -> None:
        is_told = False
        while True:
            began = _seconds()
            with suppress(RefusedError):
                self._write(if_absent=True)
                break
            found = _read(self._store)
            if found is None:
                continue
            if _is_dead(self._store):
                with suppress(RefusedError):
                    self._write(if_match=found.etag)
                    break
            if not is_told:
                self._observe(Note("another clean is at work here: waiting for it"))
                is_told = True
            self._sleep(_POLL_SECONDS)
        self._renewed_at = began

    def _remove(self) -> None:
        try:
            if self._ours() is not None:
                self._store.delete([CLEANING_KEY])
        except S3loError as error:
            said = f"{CLEANING_KEY} could not be removed; it counts for nothing in half a minute"
            self._observe(Note(f"{said}: {error.message}"))

    def _renew(self) -> None:
        while not self._ended.wait(_RENEW_SECONDS):
            with suppress(S3loError):  # `require` says so when it matters
                self._write_again()

    def _write_again(self, names: str | None = None) -> None:
        with self._lock:
            began = _seconds()
            found = self._ours()
            if found is None:
                self._renewed_at = float("-inf")
                raise ServiceError(f"{CLEANING_KEY} was taken by another clean")
            kept = self._mark.names if names is None else names
            self._mark = _Mark(self._mark.token, self._mark.beat + 1, kept)
            self._write(if_match=found.etag)
            self._renewed_at = began

    def _ours(self) -> Content | None:
        """The mark as it is stored, where it is still this clean's."""
        found = _read(self._store)
        mark = _parse(found.body) if found else None
        return found if mark and mark.token == self._mark.token else None

    def _write(self, *, if_absent: bool = False, if_match: str = "") -> None:
        body, kind = msgspec.json.encode(self._mark), storage_class(CLEANING_KEY)
        try:
            self._store.put(
                CLEANING_KEY, body, if_absent=if_absent, if_match=if_match, storage_class=kind
            )
        except Unsupported:
            if if_absent and _read(self._store) is not None:
                raise RefusedError(f"{CLEANING_KEY} is there") from None
            self._store.put(CLEANING_KEY, body, storage_class=kind)


def wait_for_cleaning(
    store: Store, keys: Iterable[str], observer: Observer = ignore, sleep: Sleep = time.sleep
) -> bool:
    """Return when no clean is about to delete any of these, with whether one is or was at work. To be
    called when the tag that needs them is visible, and before they are looked at for the last time."""
    wanted = set(map(_name, keys))
    is_told = is_there = False
    while (found := _read(store)) is not None:
        is_there = True
        mark = _parse(found.body)
        if mark is not None and wanted.isdisjoint(_names(mark)):
            break
        if _is_dead(store):
            break
        if not is_told:
            observer(Note("a clean is about to delete what this needs: waiting for it"))
            is_told = True
        sleep(_POLL_SECONDS)
    return is_there


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:_NAME_DIGITS]


def _names(mark: _Mark) -> set[str]:
    starts = range(0, len(mark.names), _NAME_DIGITS)
    return {mark.names[start : start + _NAME_DIGITS] for start in starts}


def _read(store: Store) -> Content | None:
    try:
        return store.read(CLEANING_KEY, limit_bytes=_MOST_BYTES)
    except NotFoundError:
        return None


def _parse(body: bytes) -> _Mark | None:
    """None for what is no mark of a version that is known: it may name anything."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        return _MARK.decode(body)
    return None


def _is_dead(store: Store) -> bool:
    """Whether the mark is there and was not renewed for long. It is read before: one that is renewed
    meanwhile has another ETag by then."""
    found = store.head(CLEANING_KEY)
    if found is None or found.last_modified is None:
        return False
    return (store.now() - found.last_modified).total_seconds() > DEAD_SECONDS


def _seconds() -> float:
    """A clock that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
