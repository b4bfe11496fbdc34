"""Files: staging directories that vanish, names taken in one step, preallocation, free space.

A staging directory lies beside what it will become (same file system, so that a rename puts it in
place) and is locked while its process lives. One left by a killed process is unlocked: the next
staging directory made beside it goes on with it where it is for the same thing, and else sweeps it
away. What it is for, and what has been done in it, stands in its lock file.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from s3lo.errors import DiskFull, LocalError, from_os

_MARK = ".s3lo-"
_LOCK = ".lock"
_MOST_NAME_BYTES = 200
"""Of a destination's name in that of its staging directory, which has 255 for everything."""
_TRIES = 16
_MOST_NOTES_BYTES = 64 << 20


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


class Staging:
    """A private directory, removed on exit; ``with Staging(parent, "name") as path``.

    One with a ``key`` is resumed if its process is killed: by the next one with the same key,
    which finds in ``notes`` what was noted.
    """

    def __init__(self, parent: Path, name: str = "", key: str = "") -> None:
        self.key = key
        self.notes: tuple[str, ...] = ()
        self._parent = parent
        self._prefix = f".{_bounded(name)}{_MARK}" if name else _MARK
        self._path: Path | None = None
        self._lock = -1

    def __enter__(self) -> Path:
        try:
            self._parent.mkdir(parents=True, exist_ok=True)
            return self._resumed() or self._make()
        except BaseException as error:
            self._remove()
            if isinstance(error, OSError):
                raise from_os(error, "making a temporary directory in") from error
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    def note(self, line: str) -> None:
        """Note something done, in one write, so that who is killed has noted it or not. Raises
        DiskFull or LocalError."""
        try:
            os.write(self._lock, f"{line}\n".encode())
        except OSError as error:
            raise from_os(error, f"noting in {self._path} what was done") from error

    def _resumed(self) -> Path | None:
        """Sweep what was left behind, but for what this one can go on with."""
        for path, lock in _left_behind(self._parent, self._prefix):
            lines = _lines(lock)
            if self._path is None and self.key and lines[:1] == [self.key] and _is_private(path):
                self._path, self._lock, self.notes = path, lock, tuple(lines[1:])
                continue
            _remove_tree(path)
            os.close(lock)
        return self._path

    def _make(self) -> Path:
        """Another process may sweep the directory before it is locked: then make another one."""
        for _ in range(_TRIES):
            made = self._parent / f"{self._prefix}{os.urandom(6).hex()}"
            with suppress(FileNotFoundError, FileExistsError):
                made.mkdir(0o700)
                self._path = made
                self._lock = _create_lock(self._path / _LOCK)
                self.note(self.key)
                return self._path
        raise OSError(errno.EAGAIN, "temporary directories are removed by others", self._parent)

    def _remove(self) -> None:
        if self._path:
            _remove_tree(self._path)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

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
        if not _rename2(self._path, destination, _RENAME_EXCHANGE):
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

    def move_into(self, destination: Path, names: Sequence[str]) -> None:
        """Move these entries into an existing directory, in this order; all or, on errors, none.

        For a destination that cannot be renamed onto. Raises OSError, FileExistsError where a name
        is taken.
        """
        assert self._path is not None
        moved: list[str] = []
        try:
            for name in names:
                rename_new(self._path / name, destination / name)
                moved.append(name)
        except BaseException:
            for name in reversed(moved):
                os.rename(destination / name, self._path / name)
            raise


def is_own(name: str) -> bool:
    """Whether this is how staging directories inside a destination are called."""
    return name.startswith(_MARK)


def _bounded(name: str) -> str:
    encoded = os.fsencode(name)
    if len(encoded) <= _MOST_NAME_BYTES:
        return name
    return encoded[:_MOST_NAME_BYTES].decode("utf-8", "ignore")


def _create_lock(path: Path) -> int:
    """A locked file; FileNotFoundError where a sweeper took it, and its directory, before us."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(path, flags, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        if not os.path.samestat(os.fstat(fd), os.stat(path)):
            raise FileNotFoundError(errno.ENOENT, "replaced", str(path))
    except BaseException:
        os.close(fd)
        raise
    return fd


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


def _left_behind(parent: Path, prefix: str) -> Iterator[tuple[Path, int]]:
    """Staging directories whose process is gone, which is to say: unlocked ones, now locked."""
    with os.scandir(parent) as entries:
        found = [
            Path(each.path)
            for each in entries
            if each.name.startswith(prefix) and each.is_dir(follow_symlinks=False)
        ]
    for path in found:
        with suppress(OSError):
            yield path, _try_lock(path / _LOCK)


def _try_lock(path: Path) -> int:
    """The file, locked; raises OSError where it is another's."""
    # Whoever may write here may have put a link or a FIFO in its place.
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    fd = os.open(path, flags)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd


def _lines(fd: int) -> list[str]:
    """The whole lines of a file; one that was cut off is none, and neither are those of a FIFO."""
    with suppress(OSError):
        text = os.pread(fd, _MOST_NOTES_BYTES, 0).decode("utf-8", "replace")
        return text.split("\n")[:-1]
    return []


def _is_private(directory: Path) -> bool:
    """Nobody else can have put anything in it: links to be followed, files to be written through."""
    status = os.lstat(directory)
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _umask() -> int:
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


def _remove_tree(path: Path) -> None:
    """Remove it as far as that goes."""
    import shutil

    shutil.rmtree(path, ignore_errors=True)
