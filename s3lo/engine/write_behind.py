"""Write-behind: has the disk begin with what came first, where all would wait for it at last.

Linux begins to write when a tenth of memory waits to be written, and from the middle between that and a
fifth on it has whoever writes wait for the disk (admin-guide/sysctl/vm, "dirty_background_ratio" and
"dirty_ratio"). A pull of more than that, faster than the disk, waits for it at its end, and had it idle at its
beginning. What is above the middle is written from the first part on instead.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from queue import SimpleQueue

from msgspec import Struct

from s3lo import files

_PIECE_BYTES = 8 << 20
"""After which a thread looks whether anybody still wants it to go on."""
_MEMINFO = Path("/proc/meminfo")
_SYSCTLS = Path("/proc/sys/vm")
_PAGES = ("MemFree", "Active(file)", "Inactive(file)")
"""Of which the kernel takes its shares (mm/page-writeback.c), but for a reserve."""


class DirtyRoom(Struct, frozen=True):
    """How many bytes of files may wait to be written."""

    quiet_bytes: int
    """Before the kernel begins to write."""
    free_bytes: int
    """Before whoever writes more has to wait."""


def read_dirty_room(memory_bytes: int) -> DirtyRoom | None:
    """Of this machine, as its memory is used now, or of so much of it; None where it is not told."""
    try:
        available_bytes = min(memory_bytes, _available_bytes(_MEMINFO.read_text()))
        limit = _share(available_bytes, "dirty_bytes", "dirty_ratio")
        quiet = _share(available_bytes, "dirty_background_bytes", "dirty_background_ratio")
    except (OSError, ValueError, KeyError):
        return None
    quiet = quiet if quiet < limit else limit // 2
    return DirtyRoom(quiet, (quiet + limit) // 2)


def early_bytes(total_bytes: int, room: DirtyRoom) -> int:
    """How much to write from the first byte on: what is above the middle of where the kernel begins and
    where it has everybody wait, for it begins slowly, its thread having to wait for a CPU."""
    if total_bytes <= room.free_bytes:
        return 0
    return total_bytes - (room.quiet_bytes + room.free_bytes) // 2


class WriteBehind:
    """Told by one thread; ``close`` it before files are moved. Nothing depends on it."""

    def __init__(self, early_bytes: int = 0, quiet_bytes: int = 0) -> None:
        """``quiet_bytes``: so many may wait before the kernel begins, and this has nothing more to do."""
        self._early_bytes = early_bytes
        self._quiet_bytes = quiet_bytes
        self._came_bytes = 0
        self._begun_bytes = 0
        self._stretches: SimpleQueue[tuple[str, int, int] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_over = False

    def came(self, path: str, offset: int, length: int) -> None:
        """These bytes are in a file."""
        is_early = self._came_bytes < self._early_bytes
        self._came_bytes += length
        if not is_early or self._is_over:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="s3lo-behind", daemon=True)
            self._thread.start()
        self._stretches.put((path, offset, length))

    def close(self) -> None:
        """What has not been begun is left to the kernel."""
        self._is_over = True
        if self._thread:
            self._stretches.put(None)
            self._thread.join()

    def _write(self) -> None:
        try:
            while (stretch := self._stretches.get()) is not None and not self._is_over:
                self._begin(*stretch)
        except OSError:  # a file system that knows no such thing, or a file that is gone
            self._is_over = True

    def _begin(self, path: str, offset: int, length: int) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for start in range(offset, offset + length, _PIECE_BYTES):
                # On a slow disk: behind the kernel's own writes this process would wait at its end.
                self._is_over |= self._came_bytes - self._begun_bytes > self._quiet_bytes
                if self._is_over:
                    return
                piece_bytes = min(_PIECE_BYTES, offset + length - start)
                files.begin_writing(fd, start, piece_bytes)
                self._begun_bytes += piece_bytes
        finally:
            os.close(fd)


def _available_bytes(meminfo: str) -> int:
    told = dict(line.split(":", 1) for line in meminfo.splitlines())
    return sum(int(told[name].split()[0]) << 10 for name in _PAGES)


def _share(available_bytes: int, absolute: str, percent: str) -> int:
    return int((_SYSCTLS / absolute).read_text()) or (
        int((_SYSCTLS / percent).read_text()) * available_bytes // 100
    )
