"""Streams: stdin, stdout and stderr, which may be closed when the command starts."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


def repair() -> None:
    """Put ``/dev/null`` where the process was started without a standard stream.

    Python then has None for it, which nothing that prints expects; and the next file that is
    opened would get its number, so that a blob would be what another library prints into.
    """
    for fd, (name, mode) in enumerate(_MODES.items()):
        _occupy(fd)
        if getattr(sys, name) is None:
            errors = "backslashreplace" if name == "stderr" else "strict"
            stream = open(os.devnull, mode, encoding="utf-8", errors=errors)  # noqa: SIM115
            setattr(sys, name, stream)


def _occupy(fd: int) -> None:
    """Open ``/dev/null`` under this number, if it is free."""
    with suppress(OSError):
        os.fstat(fd)
        return
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != fd:
        os.dup2(opened, fd)
        os.close(opened)
    os.set_inheritable(fd, True)
