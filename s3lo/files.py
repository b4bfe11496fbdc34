"""Files: staging directories that vanish, preallocation, and free space.

A staging directory lies beside what it will become (same file system, so that a rename puts it in
place) and is locked while its process lives. One left by a killed process is unlocked, and the
next staging directory made beside it sweeps it away.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from s3lo.errors import DiskFull, from_os

_MARK = ".s3lo-"
_LOCK = ".lock"


class Staging:
    """A private directory, removed on exit; ``with Staging(parent, "name") as path``."""

    def __init__(self, parent: Path, name: str = "") -> None:
        self._parent = parent
        self._prefix = f".{name}{_MARK}" if name else _MARK
        self._path: Path | None = None
        self._lock = -1

    def __enter__(self) -> Path:
        try:
            self._parent.mkdir(parents=True, exist_ok=True)
            _sweep(self._parent, self._prefix)
            self._path = Path(tempfile.mkdtemp(prefix=self._prefix, dir=self._parent))
            self._lock = os.open(self._path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError as error:
            raise from_os(error, "making a temporary directory in") from error
        return self._path

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._path:
            shutil.rmtree(self._path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)

    def publish(self, destination: Path) -> None:
        """Rename the directory to its final name, which must not exist or be an empty directory."""
        assert self._path is not None
        with suppress(FileNotFoundError):
            (self._path / _LOCK).unlink()
        os.chmod(self._path, 0o777 & ~_umask())
        os.rename(self._path, destination)
        self._path = None

    def exchange(self, destination: Path) -> None:
        """Let the directory and an existing one change places; the old one is removed on exit.

        One system call: whoever is killed, one of the two is under the name. Where the file
        system cannot (NFS), the old one steps aside for a moment, and back if the new one fails.
        """
        assert self._path is not None
        with suppress(FileNotFoundError):
            (self._path / _LOCK).unlink()
        os.chmod(self._path, 0o777 & ~_umask())
        if not _swap(self._path, destination):
            aside = self._path.with_name(f"{self._path.name}.old")
            os.rename(destination, aside)
            try:
                os.rename(self._path, destination)
            except OSError:
                os.rename(aside, destination)
                raise
            os.rename(aside, self._path)
        # Unlocked: should this process be killed before it is removed, the next one sweeps it.
        (self._path / _LOCK).touch()


_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def _swap(one: Path, other: Path) -> bool:
    """Exchange two paths (renameat2(2)); False where kernel, library or file system cannot."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    paths = os.fsencode(one), os.fsencode(other)
    if libc.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
        return False
    raise OSError(number, os.strerror(number), str(other))


def _sweep(parent: Path, prefix: str) -> None:
    """Remove staging directories whose process is gone, which is to say: unlocked ones."""
    for entry in os.scandir(parent):
        if not entry.name.startswith(prefix) or not entry.is_dir(follow_symlinks=False):
            continue
        with suppress(OSError):
            lock = os.open(os.path.join(entry.path, _LOCK), os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(entry.path, ignore_errors=True)
            finally:
                os.close(lock)


def _umask() -> int:
    """The process's umask, read where the kernel shows it: asking with umask() would change it."""
    with suppress(OSError, ValueError), open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    return 0o022


def preallocate(path: Path, size_bytes: int) -> None:
    """Create a file of this size with its blocks reserved where the file system can.

    On tmpfs ``fallocate`` zero-fills memory that the transfer writes again, so there the file is
    only extended. Raises DiskFull or LocalError.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            _reserve(fd, size_bytes)
        finally:
            os.close(fd)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise from_os(error, "preallocating") from error


def _reserve(fd: int, size_bytes: int) -> None:
    os.ftruncate(fd, size_bytes)
    if size_bytes == 0 or _is_memory(fd):
        return
    try:
        os.posix_fallocate(fd, 0, size_bytes)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise


_MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs"})


def _is_memory(fd: int) -> bool:
    """Whether an open file lies on tmpfs: found by its device in the mount table."""
    device = os.fstat(fd).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with suppress(OSError), open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            fields = line.split()
            if fields[2] == wanted:
                return fields[fields.index("-") + 1] in _MEMORY_FILE_SYSTEMS
    return False


def require_free_space(directory: Path, needed_bytes: int) -> None:
    """Raise DiskFull, before the first byte moves, where ``needed_bytes`` cannot fit."""
    try:
        status = os.statvfs(directory)
    except OSError as error:
        raise from_os(error, "checking free space in") from error
    free_bytes = status.f_bavail * status.f_frsize
    if free_bytes < needed_bytes:
        raise DiskFull(
            f"{directory} has {free_bytes / 1e9:.2f} GB free and {needed_bytes / 1e9:.2f} GB"
            " are needed"
        )
