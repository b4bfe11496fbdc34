"""Local store: a directory as a Store, the same keys with the same bytes as a bucket.

No symbolic link below the root is followed, neither to write nor to read: what one leads to is
not the store's, and a listing that passed over it would let `clean` delete what it refers to.
"""

from __future__ import annotations

import datetime
import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

from s3lo import beneath
from s3lo.bucket.keys import STORE_MARKS
from s3lo.bucket.store import changed, too_short
from s3lo.errors import (
    IntegrityError,
    LocalError,
    NotFoundError,
    RefusedError,
    S3loError,
    from_os,
)
from s3lo.model.objects import Content, Level, ObjectInfo, Undeleted, Unfinished
from s3lo.model.reference import Location

# Without O_NONBLOCK, opening a FIFO waits for its writer.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

_Enter = Callable[[], int]
"""Opens a directory and gives its descriptor."""


def is_store(path: str) -> bool:
    """Whether a directory already holds a store (STORAGE: "References")."""
    return any(os.path.exists(os.path.join(path, mark)) for mark in STORE_MARKS)


class LocalStore:
    """A directory, made by the first write. Calls may be made from several threads.

    In a store that does not exist nothing is found: ``head`` says so, ``get`` and ``list`` raise
    NotFoundError.
    """

    def __init__(self, location: Location) -> None:
        self._location = location
        self.root = Path(location.name)

    @property
    def location(self) -> Location:
        return self._location

    def get(self, key: str, *, limit_bytes: int = 64 << 20) -> bytes:
        return self._get(key, limit_bytes)

    def read(self, key: str, *, limit_bytes: int = 64 << 20) -> Content:
        body = self._get(key, limit_bytes)
        return Content(body, _etag(body))

    def read_range(self, key: str, offset: int, length: int, *, etag: str = "") -> bytes:
        if etag and self.read(key).etag != etag:
            raise changed(f"{self._location}{key}")
        with self._reading(key) as fd:
            body = os.pread(fd, length, offset)
        if len(body) != length:
            raise too_short(f"{self._location}{key}", offset + length)
        return body

    def _get(self, key: str, limit_bytes: int) -> bytes:
        with self._reading(key) as fd:
            return self._read(fd, key, limit_bytes)

    @contextmanager
    def _reading(self, key: str) -> Iterator[int]:
        """A descriptor to read an object from; NotFoundError where there is none."""
        try:
            with self._mapped(key, "reading"), self._opened(key) as fd:
                yield fd
        except FileNotFoundError as error:
            self._require_root()
            raise NotFoundError(f"not there: {self._location}{key}") from error

    def head(self, key: str) -> ObjectInfo | None:
        with suppress(FileNotFoundError), self._mapped(key, "reading"), self._opened(key) as fd:
            return _info(key, os.fstat(fd))
        return None

    def put(
        self,
        key: str,
        body: bytes,
        *,
        if_absent: bool = False,
        if_match: str = "",
        storage_class: str = "STANDARD",  # noqa: ARG002 - a directory knows no classes
        content_type: str = "application/json",  # noqa: ARG002 - nor types
    ) -> None:
        with beneath.begin(self.root, key) as pending:
            try:
                with open(pending.fd, "wb", closefd=False) as file:
                    file.write(body)
            except OSError as error:
                error.filename = str(self.root / key)
                raise from_os(error, "writing") from error
            with self._unchanged(key, if_match) if if_match else nullcontext():
                pending.commit(replace=not if_absent)

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        self._require_root()
        return self._below(*self._directory(prefix), prefix, after)

    def level(self, prefix: str) -> Level:
        self._require_root()
        objects: list[ObjectInfo] = []
        folders = []
        for _, key, entry in self._entries(*self._directory(prefix)):
            if not entry.is_dir(follow_symlinks=False):
                objects += self._object(key, entry) if key.startswith(prefix) else ()
            elif f"{key}/".startswith(prefix):
                folders.append(f"{key}/")
        return Level(tuple(objects), tuple(folders))

    def delete(self, keys: Iterable[str]) -> None:
        errors = [error for error in map(self._delete, keys) if error]
        if errors:
            raise errors[0]

    def remove(self, keys: Iterable[str]) -> Sequence[Undeleted]:
        tried = ((key, self._delete(key)) for key in keys)
        return [Undeleted(key, error.code, error.message) for key, error in tried if error]

    def now(self) -> datetime.datetime:
        self._require_root()
        return _moment(beneath.now(self.root))

    def unfinished(self) -> Iterator[Unfinished]:
        self._require_root()
        for name, status in beneath.left_behind(self.root):
            key = f"{beneath.PENDING}/{name}"
            yield Unfinished(key, name, _moment(status.st_mtime), status.st_size)

    def give_up(self, unfinished: Unfinished) -> None:
        beneath.discard(self.root, unfinished.upload_id)

    def _delete(self, key: str) -> S3loError | None:
        """Why an object is still there, if it is."""
        *parents, last = beneath.split_key(key)
        try:
            with suppress(FileNotFoundError), self._mapped(key, "deleting"):
                with beneath.opened(self.root, tuple(parents)) as directory:
                    os.unlink(last, dir_fd=directory)
                beneath.prune(self.root, key)
        except S3loError as error:
            return error
        return None

    def close(self) -> None:
        """Nothing is held between calls."""

    @contextmanager
    def _unchanged(self, key: str, etag: str) -> Iterator[None]:
        """Keep others of ours from replacing an object; RefusedError where one has done so."""
        with beneath.opened(self.root, ()) as root:
            fcntl.flock(root, fcntl.LOCK_EX)
            try:
                now = self.read(key).etag
            except NotFoundError:
                now = ""
            if now != etag:
                raise RefusedError(f"{self._location}{key} was changed meanwhile")
            yield

    @contextmanager
    def _opened(self, key: str) -> Iterator[int]:
        """A descriptor of the regular file at a key; FileNotFoundError where there is none."""
        *parents, last = beneath.split_key(key)
        with beneath.opened(self.root, tuple(parents)) as directory:
            fd = os.open(last, _READ, dir_fd=directory)
        try:
            mode = os.fstat(fd).st_mode
            if stat.S_ISDIR(mode):
                raise FileNotFoundError(errno.ENOENT, "a directory", key)
            if not stat.S_ISREG(mode):
                raise LocalError(f"{self.root / key} is not a regular file")
            yield fd
        finally:
            os.close(fd)

    def _read(self, fd: int, key: str, limit_bytes: int) -> bytes:
        if os.fstat(fd).st_size > limit_bytes:
            raise IntegrityError(f"{self._location}{key} is larger than {limit_bytes} bytes")
        with open(fd, "rb", closefd=False) as file:
            return file.read()

    def _below(self, above: str, enter: _Enter, prefix: str, after: str) -> Iterator[ObjectInfo]:
        """Objects below a directory, in key order. Each is opened from the one that it lies in: from
        the root on, a list of many tags took three times as long."""
        for fd, key, entry in self._entries(above, enter):
            if not entry.is_dir(follow_symlinks=False):
                if key.startswith(prefix) and key > after:
                    yield from self._object(key, entry)
            elif f"{key}/".startswith(prefix) and after < f"{key}0":  # the sign after the slash
                inside = partial(beneath.enter, fd, entry.name)
                yield from self._below(f"{key}/", inside, prefix, after)

    def _directory(self, prefix: str) -> tuple[str, _Enter]:
        """What the keys in the directory begin with that all of a prefix lies in, and the way there."""
        parts = _parts(prefix)
        return "".join(f"{part}/" for part in parts), partial(beneath.descend, self.root, parts)

    def _entries(self, above: str, enter: _Enter) -> Iterator[tuple[int, str, os.DirEntry[str]]]:
        """A directory's entries in key order, each with the directory itself, which is open until
        the last; none where it is not there (any more)."""
        with suppress(FileNotFoundError), self._mapped(above.rstrip("/"), "listing"):
            fd = enter()
            try:
                with os.scandir(fd) as found:
                    entries = sorted(found, key=_order)
                for entry in entries:
                    key = f"{above}{entry.name}"
                    if entry.is_symlink():
                        raise self._link(key)
                    if key != beneath.PENDING:
                        yield fd, key, entry
            finally:
                os.close(fd)

    def _object(self, key: str, entry: os.DirEntry[str]) -> Iterator[ObjectInfo]:
        """An entry as an object, if it is one and still there."""
        with suppress(FileNotFoundError), self._mapped(key, "listing"):
            if entry.is_file(follow_symlinks=False):
                yield _info(key, entry.stat(follow_symlinks=False))

    def _require_root(self) -> None:
        if not self.root.is_dir():
            raise NotFoundError(
                f"there is no such store: {self._location}", hint="Check the path; push makes one."
            )

    @contextmanager
    def _mapped(self, key: str, doing: str) -> Iterator[None]:
        """Map operating system errors to ours, except absence, which means something here."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno == errno.ELOOP or self._is_link(key):
                raise self._link(key) from error
            if error.errno == errno.ENOTDIR:  # a file where the key has a directory: not there
                raise FileNotFoundError(errno.ENOENT, "not there", key) from error
            error.filename = str(self.root / key)
            raise from_os(error, doing) from error

    def _is_link(self, key: str) -> bool:
        """Whether a component of a key is a link: opening one as a directory says ENOTDIR only."""
        parts = beneath.split_key(key) if key else ()
        return any(os.path.islink(self.root.joinpath(*parts[:n])) for n in range(1, len(parts) + 1))

    def _link(self, key: str) -> LocalError:
        return LocalError(
            f"{self.root / key} leads through a symbolic link",
            hint="Links inside a store are not followed: replace it with what it points to.",
        )


def _parts(prefix: str) -> tuple[str, ...]:
    """The components of the directory that everything with a prefix lies in."""
    directory = prefix.rpartition("/")[0]
    return beneath.split_key(directory) if directory else ()


def _etag(body: bytes) -> str:
    """By content, as S3 has it: times of files are too coarse to tell two writes apart."""
    return hashlib.sha256(body).hexdigest()


def _order(entry: os.DirEntry[str]) -> bytes:
    """By key: a directory sorts as its name and a slash."""
    return os.fsencode(entry.name) + (b"/" if entry.is_dir(follow_symlinks=False) else b"")


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    return ObjectInfo(key, status.st_size, last_modified=_moment(status.st_mtime))


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
