"""Signals: the first one ends a command in order, the second one at once."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from s3lo.errors import Interrupted

_SHOW_CURSOR = b"\x1b[?25h"


class _Handler:
    """Raises in the main thread, so that every ``finally`` on the way out cleans up."""

    def __init__(self) -> None:
        self._is_leaving = False

    def __call__(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self._is_leaving:
            _leave_at_once(128 + number)
        self._is_leaving = True
        raise Interrupted.by_signal(number)


def install() -> None:
    """Handle SIGINT and SIGTERM, also where a shell started us with SIGINT ignored."""
    handler = _Handler()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def leave(status: int) -> NoReturn:
    """End the process now that everything is closed.

    The interpreter's own way out joins threads and tears modules down, which costs 0.05 s once the
    native client has been used.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _leave_at_once(status: int) -> NoReturn:
    with suppress(OSError):
        if os.isatty(2):
            os.write(2, _SHOW_CURSOR)
    os._exit(status)
