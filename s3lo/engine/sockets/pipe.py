"""Pipe: the way of bytes from a socket into a file that nobody here has to look at (splice(2)).

They are copied once, from the socket's pages into those of the file, and pass no memory of this
process.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from fcntl import F_SETPIPE_SZ, fcntl

PIPE_BYTES = 512 << 10
"""How much one holds: all that a connection may have waiting (``stream``), for what is left is taken
by itself, be it 2 KB. Without privileges all pipes of a user share 64 MiB, and one that is made beyond
is of a page or two (pipe(7))."""
_MOST = 112
_FILES_FOR_ONE = 16
"""Of the descriptors that a process may have; a pipe takes two."""
_NO_WAY = (errno.EINVAL, errno.ENOSYS)


def most_pipes(open_files: int) -> int:
    """How many a process should have that may have so many files open."""
    return min(_MOST, open_files // _FILES_FOR_ONE)


class NoWay(Exception):
    """From this, or to that, nothing can be moved through a pipe."""


class Pipe:
    """For one thread. Opened when it is first asked for, and anew after it was closed."""

    def __init__(self) -> None:
        self.held_bytes = 0
        """Taken, and not moved on yet."""
        self._ends: tuple[int, int] | None = None
        self._is_given_up = not hasattr(os, "splice")

    @property
    def is_usable(self) -> bool:
        """Whether there is one, or can be, that is worth the detour."""
        if self._ends is None and not self._is_given_up:
            try:
                self._open()
            except OSError:
                self.give_up()
        return self._ends is not None

    def give_up(self) -> None:
        """Be of no use from now on."""
        self._is_given_up = True
        self.close()

    def take_from(self, socket: int, most_bytes: int) -> int:
        """So many bytes at most of what has come, waiting for at least one; 0 at the end. Raises NoWay
        or what receiving would, which is BlockingIOError too where what is held leaves no room: small
        packets fill a pipe with much fewer bytes."""
        most_bytes = min(most_bytes, PIPE_BYTES - self.held_bytes)
        count = _splice(socket, self._incoming, most_bytes, flags=os.SPLICE_F_NONBLOCK)
        self.held_bytes += count
        return count

    def take(self, memory: memoryview) -> int:
        """As many of these bytes as there is room for."""
        count = os.write(self._incoming, memory[:PIPE_BYTES])
        self.held_bytes += count
        return count

    def move_to(self, file: int, count: int, offset: int) -> int:
        """``count`` bytes, or fewer, to their place in a file. Raises NoWay or what writing would."""
        moved = _splice(self._outgoing, file, count, offset)
        self.held_bytes -= moved
        return moved

    def read_into(self, memory: memoryview) -> int:
        """What is in it, or as much as there is memory for."""
        count = os.readv(self._outgoing, [memory])
        self.held_bytes -= count
        return count

    def close(self) -> None:
        """And lose what is in it."""
        ends, self._ends = self._ends, None
        self.held_bytes = 0
        for end in ends or ():
            with suppress(OSError):
                os.close(end)

    @property
    def _outgoing(self) -> int:
        assert self._ends
        return self._ends[0]

    @property
    def _incoming(self) -> int:
        assert self._ends
        return self._ends[1]

    def _open(self) -> None:
        """Raises OSError where none is to be had that is large enough."""
        self._ends = os.pipe()
        fcntl(self._incoming, F_SETPIPE_SZ, PIPE_BYTES)


def _splice(source: int, target: int, count: int, offset: int | None = None, flags: int = 0) -> int:
    try:
        return os.splice(source, target, count, offset_dst=offset, flags=flags)
    except OSError as error:
        if error.errno in _NO_WAY:
            raise NoWay from error
        raise
