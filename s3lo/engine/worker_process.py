"""Worker process: one end of a worker's socket pair, and the starting of the process at the other.

What that one does is in ``worker``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from s3lo.engine.backend import BackendConfig
from s3lo.engine.carried import Carried
from s3lo.engine.channel import (
    Bye,
    Cancel,
    Channel,
    Configure,
    Outcomes,
    Progress,
    Renew,
    Stop,
    Submit,
)
from s3lo.engine.jobs import Job
from s3lo.engine.pool import Inbox, Lost, Reported
from s3lo.errors import LocalError
from s3lo.model.objects import Credentials

_STOP_SECONDS = 5.0
_OLD_SECONDS = 0.3
"""Since a worker told what it has carried, for that to count as what it is now."""
_BOOT = (
    "import sys; sys.path[:] = sys.argv[3:]; from s3lo.engine.worker import main;"
    " main(int(sys.argv[1]), int(sys.argv[2]))"
)
"""The worker sees exactly the modules that this process sees, however they came to be importable."""


class ProcessWorker:
    """A worker process, spawned fresh, at the other end of a socket pair."""

    def __init__(self, number: int, config: BackendConfig, inbox: Inbox) -> None:
        self.number = number
        self._inbox = inbox
        self._peak_rss_bytes = 0
        self._progress = Progress(Carried(0.0), 0.0, 0)
        self._is_closing = False
        ours, theirs = socket.socketpair()
        self._channel = Channel(ours)
        try:
            self._process = _spawn(theirs)
        finally:
            theirs.close()
        self._reader = threading.Thread(
            target=self._read, name=f"s3lo-worker-{number}", daemon=True
        )
        self._reader.start()
        self._tell(Configure(config))

    @property
    def pid(self) -> int:
        return self._process.pid

    def submit(self, jobs: Sequence[Job]) -> None:
        self._tell(Submit(tuple(jobs)))

    def cancel(self, ids: Sequence[int]) -> None:
        self._tell(Cancel(tuple(ids)))

    def renew(self, credentials: Credentials | None) -> None:
        self._tell(Renew(credentials))

    def carried(self) -> Carried:
        """As it was last told or, where that was long ago, as of not so long ago: of a worker that has no
        time to tell, or has not begun, the moment must go on, too."""
        told = self._progress.carried
        return Carried(max(told.moment, time.monotonic() - _OLD_SECONDS), told.bytes_)

    def connections(self) -> int:
        return self._progress.connections

    def cpu_seconds(self) -> float:
        return self._progress.cpu_seconds

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> int:
        self._is_closing = True
        self._tell(Stop())
        self._reader.join(_STOP_SECONDS)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._channel.close()
        return self._peak_rss_bytes

    def _tell(self, message: object) -> None:
        # A worker that is gone is noticed by its reader, which reports it.
        with contextlib.suppress(OSError):
            self._channel.send(message)

    def _read(self) -> None:
        while (message := self._channel.receive()) is not None:
            match message:
                case Outcomes(outcomes):
                    self._inbox(Reported(self.number, outcomes))
                case Progress():
                    self._progress = message
                case Bye(peak_rss_bytes):
                    self._peak_rss_bytes = peak_rss_bytes
        if not self._is_closing:
            self._inbox(Lost(self.number, self._process.wait()))


def _spawn(theirs: socket.socket) -> subprocess.Popen[bytes]:
    """Start a worker. ``close_fds`` leaves it nothing of ours but its end of the socket pair.

    It starts with SIGINT and SIGTERM blocked and stays so: a terminal and a service manager send
    them to every process, and ending the transfer in order, aborts included, takes the workers.
    """
    fd = theirs.fileno()
    command = [sys.executable, "-c", _BOOT, str(fd), str(os.getpid()), *sys.path]
    ours = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        return subprocess.Popen(
            command,
            pass_fds=(fd,),
            stdin=subprocess.DEVNULL,
            stdout=2 if _has_stderr() else subprocess.DEVNULL,
        )
    except OSError as error:
        raise LocalError(
            f"cannot start a transfer process: {error.strerror}", hint="Try --processes 0."
        ) from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, ours)


def _has_stderr() -> bool:
    try:
        os.fstat(2)
    except OSError:
        return False
    return True
