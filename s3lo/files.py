"""Files: names taken in one step, preallocation, free space, where temporary files lie."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from s3lo.errors import DiskFull, LocalError, from_os


def scratch_directory(tmpdir: Path | None) -> Path:
    """Where temporary files lie: the directory asked for, else the system's; raises LocalError."""
    if tmpdir:
        return tmpdir
    import tempfile

    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise LocalError(
            "there is no directory for temporary files that can be written to",
            hint="Name one with --tmpdir or TMPDIR.",
        ) from error


def rename_new(source: Path, destination: Path) -> None:
    """Give a file or directory a name that must be free; raises FileExistsError where it is not.

    In one step, so that of several at one moment one wins: renameat2(2), or a link where that is
    missing (NFS). Some file systems have neither (FUSE, CIFS); there the name is looked at before,
    and what appears in the microseconds between is replaced.
    """
    if _rename2(source, destination, _RENAME_NOREPLACE) or _link(source, destination):
        return
    if os.path.lexists(destination):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(destination))
    os.rename(source, destination)


def exchanged(one: Path, other: Path) -> bool:
    """Let two names change places in one step; False where the file system cannot (NFS)."""
    return _rename2(one, other, _RENAME_EXCHANGE)


_NO_LINKS = (errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EMLINK)


def _link(source: Path, destination: Path) -> bool:
    """Link and unlink; False where the file system cannot."""
    try:
        os.link(source, destination)
    except OSError as error:
        if error.errno in _NO_LINKS:
            return False
        raise
    os.unlink(source)
    return True


_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2


def _rename2(one: Path, other: Path, flag: int) -> bool:
    """Rename with a flag (renameat2(2)); False where kernel, library or file system cannot."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    paths = os.fsencode(one), os.fsencode(other)
    if libc.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], flag) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
        return False
    raise OSError(number, os.strerror(number), str(other))


def umask() -> int:
    """The process's umask, read where the kernel shows it: asking with umask() would change it."""
    with suppress(OSError, ValueError), open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    return 0o022


def preallocate(path: Path, size_bytes: int, *, keep: bool = False) -> None:
    """Create a file of this size with its blocks reserved where the file system can.

    ``keep`` leaves what is in one that is there already.

    On tmpfs ``fallocate`` zero-fills memory that the transfer writes again, so there the file is
    only extended. Raises DiskFull or LocalError.
    """
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (0 if keep else os.O_TRUNC)
        fd = os.open(path, flags, 0o666)
        try:
            _reserve(fd, size_bytes)
        finally:
            os.close(fd)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise from_os(error, "preallocating") from error


def _reserve(fd: int, size_bytes: int) -> None:
    os.ftruncate(fd, size_bytes)
    if size_bytes == 0 or is_memory(fd):
        return
    try:
        os.posix_fallocate(fd, 0, size_bytes)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise


def begin_writing(fd: int, offset: int, length: int) -> None:
    """Have these bytes of a file written to the disk from now on; nothing is waited for but room in the
    disk's queue (sync_file_range(2)). Raises OSError."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "sync_file_range"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    stretch = ctypes.c_int64(offset), ctypes.c_int64(length)
    if libc.sync_file_range(fd, *stretch, _SYNC_FILE_RANGE_WRITE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


_SYNC_FILE_RANGE_WRITE = 2
_MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs"})


def is_memory(fd: int) -> bool:
    """Whether an open file lies on tmpfs: found by its device in the mount table."""
    device = os.fstat(fd).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for fields in _mounts():
        if fields[2] == wanted:
            return fields[fields.index("-") + 1] in _MEMORY_FILE_SYSTEMS
    return False


def is_mount_point(directory: Path) -> bool:
    """Whether a file system is mounted here, which can be filled but not renamed onto.

    ``os.path.ismount`` alone misses a directory that is bound over another of its file system.
    """
    real = os.path.realpath(directory)
    return os.path.ismount(real) or any(_unescaped(fields[4]) == real for fields in _mounts())


def _mounts() -> Iterator[list[str]]:
    """The fields of each mount (proc(5), "/proc/pid/mountinfo"); none where there is no proc."""
    with (
        suppress(OSError),
        open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts,
    ):
        yield from map(str.split, mounts)


def _unescaped(path: str) -> str:
    """A path of the mount table, where white space and backslashes are octal."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


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
