"""Beneath: files of a local store, written beside their place and put there in one step.

STORAGE rule 8: a temporary name in the same file system, fsync, rename; modes follow the umask; no
symbolic link inside the store is followed. Directories are opened one component at a time from the
root (which may be reached through links: it is the user's own choice), so a link that is swapped
in while we work cannot lead outside either.

    with begin(root, "blobs/sha256/…") as pending:   # leaves nothing unless committed
        os.write(pending.fd, …)                      # or by pending.path, from another process
        pending.commit()

Pending files lie in ``<root>/.s3lo-pending/``, where nothing that lists blobs or tags meets them.
Whoever has one open holds a shared lock on it; what a killed process left is unlocked, and the
next ``begin`` sweeps it away once it is a minute old (the time that a file may be between hands).
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from s3lo.errors import InvalidReference, LocalError, RefusedError, from_os

T = TypeVar("T")

PENDING = ".s3lo-pending"
"""The directory of files that are being written; no part of the store's content."""

_SWEEP_AFTER_SECONDS = 60.0
_RACES = 64
"""How often a directory may vanish under us before it is an error."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC
_FICLONE = 0x40049409
_NO_SHARING = frozenset(
    {
        errno.EXDEV,
        errno.EPERM,
        errno.EMLINK,
        errno.EINVAL,
        errno.ENOTTY,
        errno.EOPNOTSUPP,
        errno.ENOSYS,
    }
)
"""How kernels and file systems say that a file cannot be shared in this way."""


class PendingFile:
    """A file on its way to ``key``; made by :func:`begin` or :meth:`reopen`."""

    def __init__(self, root: Path, key: str, name: str, fd: int) -> None:
        self.root = root
        self.key = key
        self.name = name
        self.fd = fd

    @classmethod
    def reopen(cls, root: Path, key: str, name: str) -> PendingFile:
        """Take over a pending file by its ``name``, perhaps from another process.

        Raises LocalError where it is gone.
        """
        with _os_errors(root / PENDING), opened(root, (PENDING,)) as directory:
            fd = os.open(split_key(name)[-1], os.O_RDWR | _FILE, dir_fd=directory)
        _hold(fd)
        return cls(root, key, name, fd)

    @property
    def path(self) -> Path:
        """Where the bytes are written until the commit."""
        return self.root / PENDING / self.name

    def commit(self, *, replace: bool = True) -> None:
        """Flush to the disk and appear under the key, whole.

        Without ``replace`` a key that is taken raises RefusedError and stays as it is; of several
        writers at one moment exactly one wins. Raises DiskFull or LocalError. The file is closed
        in any case, and gone where the commit failed.
        """
        try:
            with _os_errors(self.root / self.key):
                os.fsync(self.fd)
                _insist(lambda: self._place(replace))
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Remove the file, unless it was committed, and close it; a second call does nothing."""
        if self.fd < 0:
            return
        with suppress(OSError), opened(self.root, (PENDING,)) as directory:
            os.unlink(self.name, dir_fd=directory)
        self.close()
        prune(self.root, f"{PENDING}/{self.name}")
        prune(self.root, self.key)

    def close(self) -> None:
        """Let go of the file and leave it pending, for another to reopen within a minute."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> PendingFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abandon()

    def _place(self, replace: bool) -> None:
        *parents, last = split_key(self.key)
        with (
            opened(self.root, (PENDING,)) as source,
            opened(self.root, tuple(parents), create=True) as target,
        ):
            if replace:
                os.rename(self.name, last, src_dir_fd=source, dst_dir_fd=target)
            else:
                self._link(last, source, target)
            _flush_directory(target)

    def _link(self, last: str, source: int, target: int) -> None:
        """Unlike a rename, a link fails where the name is taken, in one step."""
        try:
            os.link(self.name, last, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
        except FileExistsError as error:
            raise RefusedError(f"{self.key} is already there") from error


def begin(root: Path, key: str) -> PendingFile:
    """Start a file that will lie under ``key``; the root and directories are made as needed.

    Raises InvalidReference for a key that is no plain relative path, LocalError where a link or a
    file stands in the way.
    """
    parents = split_key(key)[:-1]
    with _os_errors(root / key):
        root.mkdir(parents=True, exist_ok=True)
        # What would stop the commit should stop it before the transfer.
        _insist(lambda: _make_directories(root, parents))
        _sweep(root)
        name, fd = _insist(lambda: _create(root))
    _hold(fd)
    return PendingFile(root, key, name, fd)


class NotAdopted(Exception):
    """A file cannot be shared: it is in another file system, or that knows no way."""


def adopt(root: Path, key: str, path: Path) -> None:
    """Have a file that lies elsewhere under the key as well, without its bytes being copied: by
    shared blocks (ioctl_ficlone(2)) where the file system has them, else as a second name.

    It must be complete, and nobody may write to it any more. Raises NotAdopted, else as
    :func:`begin` and :meth:`PendingFile.commit`.
    """
    with begin(root, key) as pending:
        if _shares_blocks(path, pending.fd):
            pending.commit()
            return
    with _os_errors(root / key):
        fd = _insist(lambda: _second_name(root, path, pending.name))
    PendingFile(root, key, pending.name, fd).commit()


def now(root: Path) -> float:
    """The time, in seconds, by the file system's own clock: it dates what is written there, and
    may be another machine's. Where nothing can be written, this machine's."""
    try:
        with _os_errors(root / PENDING):
            name, fd = _insist(lambda: _create(root))
    except LocalError:
        return time.time()
    with PendingFile(root, name, name, fd):
        return os.fstat(fd).st_mtime


def left_behind(root: Path) -> list[tuple[str, os.stat_result]]:
    """Pending files that no process holds, by name."""
    found: list[tuple[str, os.stat_result]] = []
    with suppress(FileNotFoundError), opened(root, (PENDING,)) as directory:
        for name in sorted(os.listdir(directory)):
            with suppress(OSError), _unheld(name, directory) as fd:
                found.append((name, os.fstat(fd)))
    return found


def discard(root: Path, name: str) -> None:
    """Remove a pending file, unless a process holds it. Raises LocalError."""
    with _os_errors(root / PENDING / name), suppress(FileNotFoundError, BlockingIOError):
        with opened(root, (PENDING,)) as directory, _unheld(split_key(name)[-1], directory):
            os.unlink(name, dir_fd=directory)
        prune(root, f"{PENDING}/{name}")


def split_key(key: str) -> tuple[str, ...]:
    """The components of a key; raises InvalidReference where it is no plain relative path."""
    parts = tuple(key.split("/"))
    if "\0" in key or "\\" in key or any(part in ("", ".", "..") for part in parts):
        raise InvalidReference(f"{key!r} is not a key", hint="Keys are plain relative paths.")
    return parts


@contextmanager
def opened(root: Path, parts: tuple[str, ...], *, create: bool = False) -> Iterator[int]:
    """A descriptor of the directory ``parts`` below the root, no link followed on the way.

    Raises FileNotFoundError where it is missing, NotADirectoryError for a link or a file.
    """
    fd = descend(root, parts, create=create)
    try:
        yield fd
    finally:
        os.close(fd)


def descend(root: Path, parts: tuple[str, ...], *, create: bool = False) -> int:
    """The same descriptor, for the caller to close."""
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in parts:
        try:
            below = enter(fd, part, create=create)
        finally:
            os.close(fd)
        fd = below
    return fd


def enter(fd: int, part: str, *, create: bool = False) -> int:
    """A descriptor of the directory of this name in an open one, for the caller to close."""
    with suppress(FileNotFoundError):
        return os.open(part, _DIRECTORY, dir_fd=fd)
    if create:
        with suppress(FileExistsError):
            os.mkdir(part, dir_fd=fd)
            _flush_directory(fd)
    return os.open(part, _DIRECTORY, dir_fd=fd)


def prune(root: Path, key: str) -> None:
    """Remove the directories above a key that are empty, deepest first, but not the root."""
    parts = split_key(key)
    for depth in range(len(parts) - 1, 0, -1):
        try:
            with opened(root, parts[: depth - 1]) as above:
                os.rmdir(parts[depth - 1], dir_fd=above)
        except FileNotFoundError:
            continue
        except OSError:
            return


def _insist(action: Callable[[], T]) -> T:
    """Do something again where a directory vanished under it: another writer pruned it, empty."""
    for _ in range(_RACES):
        with suppress(FileNotFoundError):
            return action()
    return action()


def _make_directories(root: Path, parts: tuple[str, ...]) -> None:
    with opened(root, parts, create=True):
        pass


def _flush_directory(fd: int) -> None:
    """Make new names durable, where the file system knows how to (some network ones do not)."""
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise


def _create(root: Path) -> tuple[str, int]:
    name = os.urandom(8).hex()
    with opened(root, (PENDING,), create=True) as directory:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _FILE
        return name, os.open(name, flags, 0o666, dir_fd=directory)


def _shares_blocks(path: Path, target: int) -> bool:
    source = os.open(path, os.O_RDONLY | _FILE)
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno not in _NO_SHARING:
            raise
        return False
    finally:
        os.close(source)
    return True


def _second_name(root: Path, path: Path, name: str) -> int:
    """Opens it under the name, among the files that are pending."""
    with opened(root, (PENDING,), create=True) as directory:
        try:
            os.link(path, name, dst_dir_fd=directory, follow_symlinks=False)
        except OSError as error:
            if error.errno in _NO_SHARING:
                raise NotAdopted(error.strerror) from error
            raise
        return os.open(name, os.O_RDONLY | _FILE, dir_fd=directory)


def _hold(fd: int) -> None:
    """Keep sweepers away. A file system without locks has none that could lock it either."""
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_SH)


def _sweep(root: Path) -> None:
    """Remove what killed processes left: old, and held by nobody."""
    with suppress(FileNotFoundError), opened(root, (PENDING,)) as directory:
        for name in os.listdir(directory):
            with suppress(OSError):
                _sweep_one(name, directory)


def _sweep_one(name: str, directory: int) -> None:
    with _unheld(name, directory) as fd:
        if time.time() - os.fstat(fd).st_mtime > _SWEEP_AFTER_SECONDS:
            os.unlink(name, dir_fd=directory)


@contextmanager
def _unheld(name: str, directory: int) -> Iterator[int]:
    """A pending file, kept from others; BlockingIOError where a process holds it."""
    fd = os.open(name, os.O_RDWR | _FILE, dir_fd=directory)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _os_errors(path: Path) -> Iterator[None]:
    """Map operating system errors to ours."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.EEXIST):
            raise LocalError(
                f"a link or a file stands where {path} needs a directory",
                hint="Nothing is written through symbolic links inside a store: remove it.",
            ) from error
        error.filename = str(path)
        raise from_os(error, "writing") from error
