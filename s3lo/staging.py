"""Staging: directories in which something is made, and which vanish unless it is put in its place.

One lies beside what it will become (same file system, so that a rename puts it in place) and is
locked while its process lives. One left by a killed process is unlocked: the next staging directory
made beside it goes on with it where it is for the same thing, and else sweeps it away. Its lock file is
there from the first moment until the directory is put in place, and goes last: one without is swept at
once where it is empty, for its maker makes another, and else when it is a minute old.

What it is for is the name of an empty file, as what has been done in it is (see ``notes``).
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from s3lo.errors import from_os
from s3lo.files import exchanged, rename_new, umask
from s3lo.notes import PREFIX as NOTE
from s3lo.notes import Notes, notes_in

_MARK = ".s3lo-"
_LOCK = ".lock"
_KEY = ".for-"
_MOST_NAME_BYTES = 200
"""Of a destination's name in that of its staging directory, which has 255 for everything."""
_ASIDE = ".old"
"""Of what was there before: never swept, for whoever is killed now may have put nothing in its place."""
_TRIES = 16
_UNLOCKED_SECONDS = 60.0
"""How long it takes at most to put one in place, when it has no lock."""


class Staging:
    """A private directory, removed on exit; ``with Staging(parent, "name") as path``.

    One with a ``key``, of letters and digits, is resumed if its process is killed: by the next one
    with the same key, which finds in ``notes`` what was noted.
    """

    def __init__(self, parent: Path, name: str = "", key: str = "") -> None:
        self.key = key
        self._notes: Notes | None = None
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

    @property
    def notes(self) -> Notes:
        """Of what has been done in it; only within the directory."""
        assert self._notes is not None
        return self._notes

    def _resumed(self) -> Path | None:
        """Sweep what was left behind, but for what this one can go on with."""
        for path, lock in _left_behind(self._parent, self._prefix):
            if self._path is None and self.key and _is_for(path, self.key):
                self._path, self._lock = path, lock
                self._notes = Notes(path, notes_in(path))
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
                self._path, self._notes = made, Notes(made, {})
                self._lock = _create_lock(self._path / _LOCK)
                if self.key:
                    (made / f"{_KEY}{self.key}").touch()
                return self._path
        raise OSError(errno.EAGAIN, "temporary directories are removed by others", self._parent)

    def _remove(self) -> None:
        if self._notes:
            self._notes.close()
        if self._path:
            _remove_tree(self._path)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def publish(self, destination: Path) -> None:
        """Rename the directory to its final name, which must not exist or be an empty directory."""
        os.rename(self._bared(), destination)
        self._path = None

    def exchange(self, destination: Path) -> None:
        """Let the directory and an existing one change places; the old one is removed on exit.

        One system call: whoever is killed, one of the two is under the name. Where the file
        system cannot (NFS), the old one steps aside for a moment, and back if the new one fails.
        """
        staged = self._bared()
        if not exchanged(staged, destination):
            aside = staged.with_name(f"{staged.name}{_ASIDE}")
            os.rename(destination, aside)
            try:
                os.rename(staged, destination)
            except OSError:
                os.rename(aside, destination)
                raise
            os.rename(aside, staged)
        # Unlocked: should this process be killed before it is removed, the next one sweeps it.
        (staged / _LOCK).touch()

    def _bared(self) -> Path:
        """The directory with nothing in it but what was made, and for whom the umask lets."""
        assert self._path is not None
        self.notes.close()
        with os.scandir(self._path) as entries:
            own = [Path(each.path) for each in entries if each.name.startswith((_KEY, NOTE))]
        for path in (*own, self._path / _LOCK):
            path.unlink(missing_ok=True)
        os.chmod(self._path, 0o777 & ~umask())
        return self._path

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


def _left_behind(parent: Path, prefix: str) -> Iterator[tuple[Path, int]]:
    """Staging directories whose process is gone, which is to say: unlocked ones, now locked."""
    with os.scandir(parent) as entries:
        found = [
            Path(each.path)
            for each in entries
            if each.name.startswith(prefix)
            and not each.name.endswith(_ASIDE)
            and each.is_dir(follow_symlinks=False)
        ]
    for path in found:
        with suppress(OSError):
            yield path, _lock_of_nobody(path)


def _lock_of_nobody(path: Path) -> int:
    """Of a directory whose process is gone; raises OSError where it is another's, or is gone itself.

    Its process may have been killed before it made the lock, or when it had removed it.
    """
    with suppress(FileNotFoundError):
        return _try_lock(path / _LOCK)
    with suppress(OSError):
        os.rmdir(path)
    if time.time() - os.stat(path).st_mtime < _UNLOCKED_SECONDS:
        raise BlockingIOError(errno.EAGAIN, "may be another's", str(path))
    return _create_lock(path / _LOCK)


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


def _is_for(directory: Path, key: str) -> bool:
    """Whether it is for the same thing, and by somebody who is to be trusted."""
    return (directory / f"{_KEY}{key}").exists() and _is_private(directory)


def _is_private(directory: Path) -> bool:
    """Nobody else can have put anything in it: links to be followed, files to be written through."""
    status = os.lstat(directory)
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _remove_tree(path: Path) -> None:
    """Remove it as far as that goes, its lock last: who is killed meanwhile leaves it unlocked."""
    import shutil

    with suppress(OSError), os.scandir(path) as entries:
        for each in entries:
            if each.is_dir(follow_symlinks=False):
                shutil.rmtree(each, ignore_errors=True)
            elif each.name != _LOCK:
                os.unlink(each)
    shutil.rmtree(path, ignore_errors=True)
